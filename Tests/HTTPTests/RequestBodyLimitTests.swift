import HTTP
import Synchronization
import Testing

struct RequestBodyLimitTests {
    private func body(_ pieces: [[UInt8]]) -> RequestBody {
        let rest = Mutex(pieces[...])
        return RequestBody(declaredLength: nil) { () async throws(BodyError) -> [UInt8]? in
            rest.withLock { $0.popFirst() }
        }
    }

    @Test func `a body of unknown length is refused where it grows beyond its limit`() async throws {
        let exact = body([[1, 2], [3]]).limited(to: 3)
        #expect(try await exact.collect(bytesMax: 100) == [1, 2, 3])
        let larger = body([[1, 2], [3, 4]]).limited(to: 3)
        #expect(try await larger.next() == [1, 2])
        await #expect(throws: BodyError.tooLarge(bytesMax: 3)) { try await larger.next() }
    }
}
