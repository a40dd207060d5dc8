import Core
import Media
import Testing

@testable import Engines

@Suite struct SeparationOptionsTests {
    private let stems = ["vocals", "accompaniment"]

    private func options(_ change: (inout SeparationOptions) -> Void) -> SeparationOptions {
        var options = SeparationOptions()
        change(&options)
        return options
    }

    @Test(arguments: [-0.01, 0.51, .nan, .infinity])
    func `an overlap outside 0 to 0_5 is refused by name`(overlap: Double) {
        let error = #expect(throws: EngineError.self) { try options { $0.overlap = overlap }.validate() }
        #expect(
            error == .invalidOption(field: "overlap", value: "\(overlap)", allowed: "0 to 0.5"))
        #expect(error?.code == .invalidOption)
    }

    @Test(arguments: [0, 5, -1])
    func `shifts outside 1 to 4 are refused by name`(shifts: Int) {
        #expect(throws: EngineError.invalidOption(field: "shifts", value: "\(shifts)", allowed: "1 to 4")) {
            try options { $0.shifts = shifts }.validate()
        }
    }

    @Test func `the limits themselves are allowed`() throws {
        for (overlap, shifts) in [(0.0, 1), (0.5, 4)] {
            try options {
                $0.overlap = overlap
                $0.shifts = shifts
            }.validate()
        }
    }

    @Test func `an empty or repeated list of stems is refused`() {
        #expect(throws: EngineError.self) { try options { $0.stems = [] }.validate() }
        #expect(throws: EngineError.self) { try options { $0.stems = ["vocals", "vocals"] }.validate() }
    }

    @Test func `a stem that the model lacks is refused with those it has`() {
        #expect(
            throws: EngineError.invalidOption(
                field: "stems", value: "drums", allowed: "vocals, accompaniment")
        ) { try options { $0.stems = ["drums"] }.chosenStems(of: stems) }
    }

    @Test func `the model's order holds whatever the order asked for`() throws {
        let chosen = try options { $0.stems = ["accompaniment", "vocals"] }.chosenStems(of: stems)
        #expect(chosen == [0, 1])
    }

    @Test func `residual needs all stems`() {
        #expect(throws: EngineError.self) {
            try options {
                $0.residual = true
                $0.stems = ["vocals"]
            }.chosenStems(of: stems)
        }
    }
}
