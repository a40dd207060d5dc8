import Testing

@testable import Postgres

@Suite struct StatementCacheTests {
    @Test func `the least recently used statement goes, and its name once the server knows it`() {
        var cache = StatementCache(countMax: 2)
        let (one, isNew) = cache.use("1")
        #expect(isNew)
        cache.prepared(one)
        let two = cache.use("2").name
        cache.prepared(two)
        #expect(cache.use("1") == (one, false))
        let three = cache.use("3").name
        #expect(cache.count == 2)
        #expect(cache.takeWaste() == [two])
        #expect(cache.takeWaste() == [])
        #expect(cache.use("1") == (one, false))
        #expect(Set([one, two, three]).count == 3)
    }

    @Test func `a name whose removal failed is removed again, if there is one`() {
        var cache = StatementCache(countMax: 8)
        let name = cache.use("1").name
        cache.prepared(name)
        cache.forget("1")
        #expect(cache.takeWaste() == [name])
        cache.keep(name)
        #expect(cache.takeWaste() == [name])
        cache.deallocated(name)
        cache.keep(name)
        #expect(cache.takeWaste() == [])
    }

    @Test func `what was never prepared is neither used nor removed`() {
        var cache = StatementCache(countMax: 8)
        let first = cache.use("1").name
        cache.notPrepared("1", first)
        let second = cache.use("1")
        #expect(second.isNew && second.name != first)
        // A late word about the first preparation says nothing about the second.
        cache.notPrepared("1", first)
        #expect(cache.use("1") == (second.name, false))
        cache.drop("1")
        #expect(cache.takeWaste() == [])
        #expect(cache.use("1").isNew)
    }
}
