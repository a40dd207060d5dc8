import Core
import HTTP
import Testing

private let now = Timestamp(milliseconds: 1_767_225_600_000)
private let modified = Timestamp(milliseconds: 784_111_777_500)
private let same = "Sun, 06 Nov 1994 08:49:37 GMT"
private let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"
private let strong = Validators(entityTag: EntityTag("v1"), lastModified: modified)
private let weak = Validators(entityTag: EntityTag("v1", isWeak: true), lastModified: modified)

private func head(_ method: String, _ fields: [(String, String)]) -> RequestHead {
    var head = RequestHead(method: method, target: "/", path: "/")
    for (name, value) in fields { head.fields.append(name, value) }
    return head
}

struct ConditionalTests {
    struct Case: CustomTestStringConvertible {
        let rule: String
        let method: String
        let fields: [(String, String)]
        let validators: Validators?
        let outcome: Conditional.Outcome

        init(
            _ rule: String, _ method: String, _ fields: [(String, String)], _ validators: Validators?,
            _ outcome: Conditional.Outcome
        ) {
            self.rule = rule
            self.method = method
            self.fields = fields
            self.validators = validators
            self.outcome = outcome
        }

        var testDescription: String { rule }
    }

    @Test(arguments: [
        Case("no precondition", "GET", [], strong, .proceed),
        Case("§13.1.1: If-Match holds", "PUT", [("If-Match", "\"x\", \"v1\"")], strong, .proceed),
        Case(
            "§13.1.1: If-Match in a second field", "PUT", [("If-Match", "\"x\""), ("If-Match", "\"v1\"")], strong,
            .proceed),
        Case("§13.1.1: If-Match fails", "PUT", [("If-Match", "\"v2\"")], strong, .failed),
        Case("§13.1.1: If-Match compares strongly", "PUT", [("If-Match", "W/\"v1\"")], weak, .failed),
        Case("§13.1.1: If-Match * wants something there", "PUT", [("If-Match", "*")], nil, .failed),
        Case("§13.1.1: If-Match * is content with anything", "PUT", [("If-Match", "*")], Validators(), .proceed),
        Case("a malformed If-Match matches nothing", "PUT", [("If-Match", "v1")], strong, .failed),
        Case("§13.1.2: If-None-Match holds", "GET", [("If-None-Match", "\"v2\"")], strong, .proceed),
        Case("§13.1.2: If-None-Match on a read", "GET", [("If-None-Match", "\"v1\"")], strong, .notModified),
        Case("§13.1.2: If-None-Match on HEAD", "HEAD", [("If-None-Match", "\"v1\"")], strong, .notModified),
        Case("§13.1.2: If-None-Match on a write", "PUT", [("If-None-Match", "\"v1\"")], strong, .failed),
        Case("§13.1.2: If-None-Match compares weakly", "GET", [("If-None-Match", "W/\"v1\"")], strong, .notModified),
        Case("§13.1.2: If-None-Match * on something", "PUT", [("If-None-Match", "*")], Validators(), .failed),
        Case("§13.1.2: If-None-Match * on nothing", "PUT", [("If-None-Match", "*")], nil, .proceed),
        Case("§13.1.3: not modified since", "GET", [("If-Modified-Since", same)], strong, .notModified),
        Case("§13.1.3: modified since", "GET", [("If-Modified-Since", earlier)], strong, .proceed),
        Case("§13.1.3: only on reads", "PUT", [("If-Modified-Since", same)], strong, .proceed),
        Case("§13.1.3: a malformed date is ignored", "GET", [("If-Modified-Since", "now")], strong, .proceed),
        Case(
            "§13.1.3: without a date of ours it is ignored", "GET", [("If-Modified-Since", same)], Validators(),
            .proceed),
        Case("§13.1.4: unmodified since", "PUT", [("If-Unmodified-Since", same)], strong, .proceed),
        Case("§13.1.4: modified all the same", "PUT", [("If-Unmodified-Since", earlier)], strong, .failed),
        Case(
            "§13.2.2: If-Match goes before If-Unmodified-Since", "PUT",
            [("If-Match", "\"v1\""), ("If-Unmodified-Since", earlier)], strong, .proceed),
        Case(
            "§13.2.2: If-None-Match goes before If-Modified-Since", "GET",
            [("If-None-Match", "\"v2\""), ("If-Modified-Since", same)], strong, .proceed),
        Case(
            "§13.2.2: both groups are evaluated", "GET",
            [("If-Match", "\"v1\""), ("If-None-Match", "\"v1\"")], strong, .notModified),
    ])
    func `preconditions are evaluated in the order of RFC 9110`(_ example: Case) {
        let head = head(example.method, example.fields)
        #expect(Conditional.evaluate(head, validators: example.validators, now: now) == example.outcome)
    }
}

struct EntityTagTests {
    @Test func `a tag is read and written`() throws {
        for text in ["\"a\"", "W/\"a,b\"", "\"\"", "\"é\""] {
            #expect(EntityTag(parsing: text)?.description == text)
        }
        for text in ["", "a", "\"", "\"a", "a\"", "w/\"a\"", "W/a", "\"a\"b\"", "\"a b\"", "\"a\n\"", "*"] {
            #expect(EntityTag(parsing: text) == nil, "\(text.debugDescription)")
        }
    }

    @Test(arguments: [(false, false, true, true), (true, false, false, true), (true, true, false, true)])
    func `tags compare strongly and weakly`(_ left: Bool, _ right: Bool, _ strongly: Bool, _ weakly: Bool) {
        // RFC 9110 §8.8.3.2, its table
        let (left, right) = (EntityTag("1", isWeak: left), EntityTag("1", isWeak: right))
        #expect(left.matchesStrongly(right) == strongly)
        #expect(left.matchesWeakly(right) == weakly)
        #expect(!left.matchesWeakly(EntityTag("2")))
    }

    @Test func `a comma within a tag does not end it`() {
        let tagged = Validators(entityTag: EntityTag("b,c"))
        let outcome = Conditional.evaluate(
            head("GET", [("If-None-Match", "\"a\" ,, \"b,c\"")]), validators: tagged, now: now)
        #expect(outcome == .notModified)
    }
}

struct ByteRangeTests {
    private func select(_ fields: [(String, String)], method: String = "GET", length: Int = 100) -> RangeSelection {
        ByteRange.select(head(method, fields), length: length, validators: strong, now: now)
    }

    @Test(arguments: [
        ("bytes=0-9", RangeSelection.partial([0..<10])), ("bytes=90-", .partial([90..<100])),
        ("bytes=-10", .partial([90..<100])), ("bytes=-200", .partial([0..<100])),
        ("bytes=50-500", .partial([50..<100])), ("bytes=99-99", .partial([99..<100])),
        ("Bytes=0-0", .partial([0..<1])), ("bytes=0-9, 20-29", .partial([0..<10, 20..<30])),
        ("bytes=, 0-9 ,,-1", .partial([0..<10, 99..<100])), ("bytes=0-9,200-", .partial([0..<10])),
        ("bytes=0-99999999999999999999999", .partial([0..<100])),
        ("bytes=100-", .unsatisfiable), ("bytes=-0", .unsatisfiable), ("bytes=100-200,300-", .unsatisfiable),
        ("bytes=99999999999999999999999-", .unsatisfiable),
        ("items=0-9", .whole), ("bytes=9-0", .whole), ("bytes=a-b", .whole), ("bytes=-", .whole),
        ("bytes=", .whole), ("bytes", .whole), ("bytes=0-9,x", .whole), ("bytes=+0-9", .whole),
        ("bytes=0 - 9", .whole), ("bytes=0-,0-", .whole), ("", .whole),
    ])
    func `a Range field selects by RFC 9110`(_ value: String, _ selection: RangeSelection) {
        // RFC 9110 §14.1.1, §14.1.2, §14.2
        #expect(select([("Range", value)]) == selection)
    }

    @Test func `a Range counts only for GET and only once`() {
        #expect(select([("Range", "bytes=0-9")], method: "HEAD") == .whole)
        #expect(select([("Range", "bytes=0-9"), ("Range", "bytes=0-9")]) == .whole)
        #expect(select([]) == .whole)
    }

    @Test func `nothing can be selected of nothing`() {
        #expect(select([("Range", "bytes=0-")], length: 0) == .unsatisfiable)
        #expect(select([("Range", "bytes=-5")], length: 0) == .whole)
    }

    @Test func `too many ranges are ignored`() {
        func ranges(_ count: Int) -> String { "bytes=" + (0..<count).map { "\($0)-\($0)" }.joined(separator: ",") }
        #expect(select([("Range", ranges(ByteRange.rangesMax))]) != .whole)
        #expect(select([("Range", ranges(ByteRange.rangesMax + 1))]) == .whole)
    }

    @Test(arguments: [
        ("\"v1\"", true), ("\"v2\"", false), ("W/\"v1\"", false), (same, true), (earlier, false), ("v1", false),
        ("Sun, 06 Nov 1994 08:49:38 GMT", false),
    ])
    func `If-Range lets a part be sent only of the same representation`(_ value: String, _ holds: Bool) {
        // RFC 9110 §13.1.5
        let expected: RangeSelection = holds ? .partial([0..<10]) : .whole
        #expect(select([("Range", "bytes=0-9"), ("If-Range", value)]) == expected)
    }

    @Test func `Content-Range names the last byte`() {
        #expect(ByteRange.contentRange(0..<10, length: 100) == "bytes 0-9/100")
        #expect(ByteRange.unsatisfiedContentRange(length: 100) == "bytes */100")
    }

    @Test func `the plan of several parts makes a body of the length it says`() {
        // RFC 9110 §14.6
        let content = Array("0123456789".utf8)
        let plan = MultipartByteRanges(
            ranges: [0..<2, 5..<6], length: 10, partContentType: "audio/wav", boundary: "XYZ")
        let body = plan.parts.reduce([]) { $0 + $1.head + content[$1.range] } + plan.tail
        let expected =
            "--XYZ\r\nContent-Type: audio/wav\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
            + "\r\n--XYZ\r\nContent-Type: audio/wav\r\nContent-Range: bytes 5-5/10\r\n\r\n5\r\n--XYZ--\r\n"
        #expect(String(decoding: body, as: UTF8.self) == expected)
        #expect(plan.contentLength == body.count)
        #expect(plan.contentType == "multipart/byteranges; boundary=XYZ")
    }
}
