public import Core

/// A model that a service can run, as the catalogue of models describes it.
public struct ServiceModel: Sendable {
    public var id: String
    public var stems: [String]
    /// Asked at each submission: models are installed while the server runs.
    public var isInstalled: @Sendable () -> Bool

    public init(id: String, stems: [String], isInstalled: @escaping @Sendable () -> Bool) {
        self.id = id
        self.stems = stems
        self.isInstalled = isInstalled
    }
}

/// How a service is priced: credits per started unit of input.
public struct ServicePrice: Hashable, Sendable {
    public var creditsPerUnit: Int64
    public var unitSeconds: Double

    public init(creditsPerUnit: Int64 = 1, unitSeconds: Double = 600) {
        self.creditsPerUnit = creditsPerUnit
        self.unitSeconds = unitSeconds
    }

    /// At least one unit, also for no input at all.
    public func amount(inputSeconds: Double) -> CreditAmount? {
        let units = (inputSeconds / unitSeconds).rounded(.up)
        guard units.isFinite, units < 1e9 else { return nil }
        return CreditAmount(max(1, Int64(units)) * creditsPerUnit)
    }
}

/// What a job will write to the disk.
public struct DiskNeeds: Hashable, Sendable {
    /// All its results.
    public var resultBytes: Int64
    /// What lies beside them until they are done.
    public var scratchBytes: Int64

    public init(resultBytes: Int64 = 0, scratchBytes: Int64 = 0) {
        self.resultBytes = resultBytes
        self.scratchBytes = scratchBytes
    }
}

/// The options of a submission after checking, every default filled in.
public struct ServiceOptions: Hashable, Sendable {
    public var model: String
    public var canonical: JSON
}

/// One of the services: its models, its options and its price.
public struct Service: Sendable {
    public var name: String
    public var models: [ServiceModel]
    public var options: [OptionField]
    public var price: ServicePrice
    /// What the options must fulfil together, once each is well.
    public var rule: @Sendable (_ canonical: JSON, ServiceModel) throws(JobError) -> Void
    /// About how many bytes a job will write; never much less than it does.
    public var diskNeeds: @Sendable (_ canonical: JSON, InputProperties) -> DiskNeeds

    public init(
        name: String, models: [ServiceModel], options: [OptionField], price: ServicePrice,
        rule: @escaping @Sendable (JSON, ServiceModel) throws(JobError) -> Void = { (_, _) throws(JobError) in },
        diskNeeds: @escaping @Sendable (JSON, InputProperties) -> DiskNeeds = { _, _ in DiskNeeds() }
    ) {
        self.name = name
        self.models = models
        self.options = options
        self.price = price
        self.rule = rule
        self.diskNeeds = diskNeeds
    }

    /// Checks the options of a submission. The first model is the default.
    /// - Throws: `unknownField`, `invalidOption`, `unknownModel`, `modelNotInstalled`.
    public func parse(_ given: JSON?) throws(JobError) -> ServiceOptions {
        let members: [JSON.Member]
        switch given {
        case nil, .null?: members = []
        case .object(let given)?: members = given
        default: throw .invalidOption(name: "options", reason: "must be a JSON object")
        }
        let known = ["model"] + options.map(\.name)
        for member in members where !known.contains(member.name) {
            throw .unknownField("options.\(member.name)")
        }
        let model = try model(named: members.first { $0.name == "model" }?.value)
        var canonical: [JSON.Member] = [JSON.Member("model", .string(model.id))]
        for field in options {
            let value = members.first { $0.name == field.name }?.value
            canonical.append(JSON.Member(field.name, try field.check(value, model: model)))
        }
        try rule(.object(canonical), model)
        return ServiceOptions(model: model.id, canonical: .object(canonical))
    }

    private func model(named value: JSON?) throws(JobError) -> ServiceModel {
        guard let first = models.first else { throw .modelNotInstalled(name) }
        var chosen = first
        if let value, value != .null {
            guard let id = value.string else { throw .invalidOption(name: "model", reason: "must be a string") }
            guard let found = models.first(where: { $0.id == id }) else {
                throw .unknownModel(id, known: models.map(\.id))
            }
            chosen = found
        }
        guard chosen.isInstalled() else { throw .modelNotInstalled(chosen.id) }
        return chosen
    }
}

/// One option of a service: its name, what it may be, and what it is when absent.
public struct OptionField: Sendable {
    public enum Kind: Sendable {
        case flag
        case choice([String])
        /// One of the values, or another name of one: what counts is the value.
        case named([String: String])
        /// Some of the model's stems, without repetition; all of them by default.
        case stems
        case number(ClosedRange<Double>)
        case wholeNumber(ClosedRange<Int64>)
    }

    public var name: String
    public var kind: Kind
    public var fallback: JSON

    public init(_ name: String, _ kind: Kind, default fallback: JSON) {
        self.name = name
        self.kind = kind
        self.fallback = fallback
    }

    func check(_ value: JSON?, model: ServiceModel) throws(JobError) -> JSON {
        guard let value, value != .null else {
            if case .stems = kind { return .array(model.stems.map(JSON.string)) }
            return fallback
        }
        func refuse(_ reason: String) -> JobError { .invalidOption(name: name, reason: reason) }
        switch kind {
        case .flag:
            guard value.bool != nil else { throw refuse("must be true or false") }
        case .choice(let allowed):
            guard let text = value.string, allowed.contains(text) else {
                throw refuse("must be one of \(allowed.joined(separator: ", "))")
            }
        case .named(let names):
            guard let text = value.string, let meant = names[text] else {
                throw refuse("must be one of \(names.keys.sorted().joined(separator: ", "))")
            }
            return .string(meant)
        case .number(let range):
            guard let number = value.double, range.contains(number) else {
                throw refuse("must be a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return .number(number)
        case .wholeNumber(let range):
            guard let number = value.integer, range.contains(number) else {
                throw refuse("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return .integer(number)
        case .stems:
            let names = (value.array ?? []).compactMap(\.string)
            guard !names.isEmpty, names.count == value.array?.count, Set(names).count == names.count,
                names.allSatisfy(model.stems.contains)
            else { throw refuse("must list some of \(model.stems.joined(separator: ", ")), each once") }
            // The model's own order: the same choice is the same job, however it was written.
            return .array(model.stems.filter(names.contains).map(JSON.string))
        }
        return value
    }
}
