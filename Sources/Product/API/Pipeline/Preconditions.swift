internal import Core
internal import HTTP

/// Conditions on what has no entity tag: none that is named matches, and `*` matches whatever is there (RFC 9110
/// §13.1.1, §13.1.2). What has one is answered by its own handler, as is what must first be found.
enum Preconditions {
    private static let none = Validators()

    /// Of GET and HEAD, once it is known that there is something: 304 or 412 instead of it.
    static func heed(_ response: inout Response, _ head: RequestHead) throws(Problem) {
        guard stand(in: head), (200..<300).contains(response.status), response.fields["ETag"] == nil else { return }
        switch outcome(head, none) {
        case .proceed: break
        case .failed: throw problem
        case .notModified:
            response.status = 304
            response.fields["Content-Disposition"] = nil
            if case .bytes = response.body { break }
            response.body = .empty
        }
    }

    /// Of other methods, before anything is done.
    /// - Returns: the problem of a condition that does not hold.
    static func failure(of context: RequestContext) -> Problem? {
        let head = context.request.head
        guard stand(in: head) else { return nil }
        return outcome(head, context.isReadable ? none : nil) == .proceed ? nil : problem
    }

    private static let problem = Problem(.preconditionFailed, "What is here is not what the condition names.")

    private static func stand(in head: RequestHead) -> Bool {
        head.hasField("If-Match") || head.hasField("If-None-Match")
    }

    private static func outcome(_ head: RequestHead, _ validators: Validators?) -> Conditional.Outcome {
        // No date is known, so none is compared.
        Conditional.evaluate(head, validators: validators, now: Timestamp(milliseconds: 0))
    }
}
