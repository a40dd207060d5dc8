import Core
@testable import HTTP
import Testing

private func fields(_ pairs: [(String, String)]) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs { fields.append(name, value) }
    return fields
}

struct HTTPFieldsTests {
    @Test func `fields keep their order, their spelling and their repetitions`() {
        let fields = fields([("Accept", "a"), ("X-Empty", ""), ("accept", "b"), ("Ünïcode", "wört")])
        #expect(fields.count == 4)
        #expect(fields.all.map(\.name) == ["Accept", "X-Empty", "accept", "Ünïcode"])
        #expect(fields.all.map(\.value) == ["a", "", "b", "wört"])
        #expect(fields.values("ACCEPT") == ["a", "b"])
        #expect(fields["aCCept"] == "a")
        #expect(fields["X-Empty"] == "")
        #expect(fields["Accep"] == nil)
    }

    @Test func `setting replaces every field of the name, and nil removes them`() {
        var fields = fields([("A", "1"), ("B", "2"), ("a", "3")])
        fields["a"] = "4"
        #expect(fields.all.map(\.name) == ["B", "a"])
        #expect(fields["A"] == "4")
        fields["b"] = nil
        #expect(fields.all.map(\.value) == ["4"])
        fields["A"] = nil
        #expect(fields.isEmpty)
    }

    @Test func `fields that stand together are appended in their order, behind those that are there`() {
        var all = fields([("A", "1")])
        all.append(contentsOf: fields([("B", "2"), ("a", "")]))
        all.append("C", "3")
        #expect(all.all.map(\.name) == ["A", "B", "a", "C"])
        #expect(all.all.map(\.value) == ["1", "2", "", "3"])
        #expect(all.values("A") == ["1", ""])
    }

    @Test func `what may not be sent stays so when it is appended with others`() throws {
        var all = fields([("A", "1")])
        all.append(contentsOf: fields([("B", "2\r\nC: 3")]))
        var bytes = ByteBuffer(capacity: 16)
        let plan = ResponsePlan(status: 200, length: 0, isHead: false, minorVersion: 1, keepsAlive: true)
        var caught: SerializationError?
        do throws(SerializationError) {
            try ResponseSerializer.appendHead(status: 200, fields: all, plan: plan, standing: [], to: &bytes)
        } catch {
            caught = error
        }
        #expect(caught == .invalidFieldValue(name: "B"))
    }

    @Test func `a value that splits a line is read back as one value`() {
        let fields = fields([("A", "x\r\nB: y"), ("C", "z")])
        #expect(fields.count == 2)
        #expect(fields["A"] == "x\r\nB: y")
        #expect(fields["B"] == nil)
        #expect(fields["C"] == "z")
    }

    @Test func `a copy that is changed leaves the other alone`() {
        let first = fields([("A", "1")])
        var second = first
        second.append("B", "2")
        #expect(first.count == 1)
        #expect(second["B"] == "2")
        #expect(first != second)
        #expect(second == fields([("A", "1"), ("B", "2")]))
    }

    @Test func `a head that is changed leaves its copies alone`() {
        let first = RequestHead(method: "GET", target: "/a?b", path: "/a")
        var second = first
        second.method = "HEAD"
        second.path = "/c"
        second.fields["Host"] = "x"
        #expect(first.method == "GET")
        #expect(first.path == "/a")
        #expect(first.fields.isEmpty)
        #expect([second.method, second.path, second.fields["Host"], second.target] == ["HEAD", "/c", "x", "/a?b"])
    }
}
