import API
import Core
import Studio
import Testing

struct ServiceTests {
    private let service = StudioFixture.separation

    @Test(arguments: [(0.0, 1), (0.01, 1), (600, 1), (600.001, 2), (1200, 2), (7200, 12)] as [(Double, Int64)])
    func `a job costs one credit for each started ten minutes, and never nothing`(
        seconds: Double, credits: Int64
    ) {
        #expect(service.price.amount(inputSeconds: seconds)?.credits == credits)
    }

    @Test func `a length that is no number has no price`() {
        #expect(service.price.amount(inputSeconds: .nan) == nil)
        #expect(service.price.amount(inputSeconds: .infinity) == nil)
    }

    @Test func `absent options take their defaults and all of the model's stems`() throws {
        let options = try service.parse(nil)
        #expect(options.model == "spleeter-2stems")
        #expect(
            options.canonical == [
                "model": "spleeter-2stems", "stems": ["vocals", "accompaniment"], "residual": false,
                "format": "wav16", "overlap": 0.0, "shifts": 1,
            ])
    }

    @Test func `the same choice written in two ways is the same canonical text`() throws {
        let one = try service.parse(["stems": ["accompaniment", "vocals"], "overlap": 0])
        let other = try service.parse(["overlap": 0.0, "stems": ["vocals", "accompaniment"], "model": nil])
        #expect(one == other)
    }

    @Test(
        arguments: [
            ["residual": "yes"], ["format": "aiff"], ["format": 3], ["overlap": 0.51], ["overlap": "0.1"],
            ["shifts": 0], ["shifts": 1.5], ["stems": []], ["stems": ["drums"]], ["stems": ["vocals", "vocals"]],
            ["stems": ["vocals", 3]], ["stems": "vocals"], ["model": 3],
        ] as [JSON])
    func `a value outside its range is refused with the option's name`(options: JSON) {
        #expect {
            try service.parse(options)
        } throws: { error in
            if case JobError.invalidOption(let name, _) = error { name == options.members?.first?.name } else { false }
        }
    }

    @Test func `an unknown option is refused by its name`() {
        #expect {
            try service.parse(["stem": "vocals"])
        } throws: { error in
            if case JobError.unknownField("options.stem") = error { true } else { false }
        }
    }

    @Test func `options that are no object are refused`() {
        #expect(throws: JobError.self) { try service.parse([1, 2]) }
    }

    @Test func `an unknown model is refused with the known ones, an absent one with its id`() {
        #expect {
            try service.parse(["model": "nobody"])
        } throws: { error in
            if case JobError.unknownModel("nobody", ["spleeter-2stems", "absent"]) = error { true } else { false }
        }
        #expect {
            try service.parse(["model": "absent"])
        } throws: { error in
            if case JobError.modelNotInstalled("absent") = error { true } else { false }
        }
    }
}
