internal import Core
internal import Ledger

/// The answer of `GET /api/credits`: its field names are kept for ever.
struct CreditsAnswer: JSONAnswer {
    static let schema = Schema.object(
        "Credits",
        [
            .required("userId", .accountID),
            .required("email", Schema.string.nullable),
            .required("credits", .count, "Free to spend."),
            .required("held", .count, "Reserved by jobs under way."),
            .required("purchases", .list(of: purchase), "Newest first."),
            .required("usage", .list(of: usage), "Newest first."),
            .required("nextCursor", CreditsCursor.schema.nullable, "The `cursor` of the next page."),
        ])

    private static let purchase = Schema.object(
        "Purchase",
        [
            .required("id", .string), .required("credits", .count), .required("packageType", .string),
            .required("paymentAmount", .number, "In the currency's major unit."),
            .required("currency", .string(pattern: "^[A-Za-z]{3}$", meaning: "a currency of ISO 4217")),
            .required("createdAt", .time),
        ])

    private static let usage = Schema.object(
        "Usage",
        [
            .required("id", .string), .required("credits", .count), .required("service", .string),
            .required("jobId", Schema.string.nullable),
            .required("processingTime", Schema.count.nullable, "In seconds."),
            .required("fileSize", Schema.count.nullable, "In bytes."), .required("createdAt", .time),
        ])

    var account: AccountID
    var email: String?
    var balance: Balance
    var purchases: LedgerPage<Purchase>?
    var usage: LedgerPage<Usage>?

    var json: JSON {
        [
            "userId": .string(account.text),
            "email": email.map(JSON.string) ?? .null,
            "credits": .integer(balance.available),
            "held": .integer(balance.held),
            "purchases": .array(purchases?.entries.map(Self.purchase) ?? []),
            "usage": .array(usage?.entries.map(Self.usage) ?? []),
            "nextCursor": CreditsCursor(purchases: purchases?.next, usage: usage?.next).text.map(JSON.string) ?? .null,
        ]
    }

    private static func purchase(_ purchase: Purchase) -> JSON {
        [
            "id": .string(purchase.id), "credits": .integer(purchase.credits),
            "packageType": .string(purchase.packageType),
            "paymentAmount": .number(Double(purchase.amountMinor) / 100), "currency": .string(purchase.currency),
            "createdAt": JobWire.time(purchase.createdAt),
        ]
    }

    private static func usage(_ usage: Usage) -> JSON {
        [
            "id": .string(usage.id), "credits": .integer(usage.credits), "service": .string(usage.record.service),
            "jobId": usage.record.jobID.map(JSON.string) ?? .null,
            "processingTime": usage.record.processingSeconds.map(JSON.integer) ?? .null,
            "fileSize": usage.record.fileBytes.map(JSON.integer) ?? .null,
            "createdAt": JobWire.time(usage.createdAt),
        ]
    }
}

/// Where both histories of `GET /api/credits` go on: `<purchases>.<usage>`, `-` for one that has ended.
struct CreditsCursor: Hashable, ParameterValue {
    static let schema = Schema.component(
        "CreditsCursor",
        .string(pattern: "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$", meaning: "a cursor of this route") {
            CreditsCursor(parsing: $0) != nil
        })

    var purchases: String?
    var usage: String?

    var text: String? {
        purchases == nil && usage == nil ? nil : "\(purchases ?? "-").\(usage ?? "-")"
    }

    init(purchases: String?, usage: String?) {
        self.purchases = purchases
        self.usage = usage
    }

    init?(parsing text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isNameByte) }) else {
            return nil
        }
        purchases = parts[0] == "-" ? nil : String(parts[0])
        usage = parts[1] == "-" ? nil : String(parts[1])
    }
}

/// The body of `POST /api/paywall`.
struct PaywallQuestion: JSONBody {
    static let schema = Schema.object(
        "PaywallQuestion",
        [
            .optional("userId", .string, "The caller's own account, if it is named at all."),
            .required("service", .serviceName),
        ])

    var user: String?
    var service: String

    init(_ body: JSON) {
        user = body["userId"]?.string
        service = body["service"]?.string ?? ""
    }
}

/// The answer of `POST /api/paywall` to who may pass.
struct PaywallAnswer: JSONAnswer {
    static let schema = Schema.object(
        "PaywallAnswer",
        [
            .required("allowed", .constant(true)), .required("currentBalance", .count),
            .required("required", .integer(1...Int64.max)),
        ])

    var balance: Int64
    var required: Int64

    var json: JSON {
        ["allowed": true, "currentBalance": .integer(balance), "required": .integer(required)]
    }
}

extension Schema {
    static let accountID = component(
        "AccountID", .string(pattern: "^acc_[0-9a-f]{32}$", meaning: "the id of an account"))
    /// A service of this server: the decoder asks only for a string, an unknown one has a code of its own.
    static let serviceName = reference("ServiceName", base: .string)
}
