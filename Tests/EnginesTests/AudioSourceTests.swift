import Testing

@testable import Engines

@Suite struct AudioSourceTests {
    @Test func `a length beyond all numbers is no expectation, and no trap`() {
        for seconds in [1e300, .infinity, .nan] { #expect(DecodedFileSource.frameCount(seconds: seconds) == nil) }
        #expect(DecodedFileSource.frameCount(seconds: 2) == 88_200)
    }
}
