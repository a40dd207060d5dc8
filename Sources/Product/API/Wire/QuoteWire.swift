internal import Core
internal import Ledger
internal import Studio

/// The body of `POST /api/v1/quotes`.
struct QuoteQuestion: JSONBody {
    /// A year; what may be submitted is less, but a quote harms nobody.
    private static let durationSecondsMax = 31_536_000.0

    static let schema = Schema.object(
        "QuoteQuestion",
        [
            .required("service", .serviceName),
            .optional("options", .reference("JobOptionsGiven"), "As a submission's."),
            .optional("durationSeconds", .number(0...durationSecondsMax), "Length of the input; 0 is the least price."),
        ])

    var service: String
    var options: JSON?
    var durationSeconds: Double

    init(_ body: JSON) {
        service = body["service"]?.string ?? ""
        options = body["options"]
        durationSeconds = body["durationSeconds"]?.double ?? 0
    }
}

/// The answer of `POST /api/v1/quotes`.
struct QuoteAnswer: JSONAnswer {
    static let schema = Schema.object(
        "Quote",
        [
            .required("service", .serviceName),
            .required("model", .string),
            .required("options", .reference("JobOptions"), "With every default filled in."),
            .required("durationSeconds", .number(0...1e9)),
            .required("price", .integer(1...Int64.max), "In credits."),
            .required("currentBalance", .count),
            .required("affordable", .boolean),
        ])

    var quote: Quote
    var durationSeconds: Double

    var json: JSON {
        [
            "service": .string(quote.service), "model": .string(quote.model), "options": quote.options,
            "durationSeconds": .number(durationSeconds), "price": .integer(quote.price.credits),
            "currentBalance": .integer(quote.balance.available),
            "affordable": .bool(quote.balance.available >= quote.price.credits),
        ]
    }
}
