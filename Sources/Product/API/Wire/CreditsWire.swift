internal import Core
internal import Ledger

/// The JSON of the first API's credit routes: its field names are kept for ever.
enum CreditsWire {
    static func balance(
        account: AccountID, email: String?, balance: Balance, purchases: LedgerPage<Purchase>?,
        usage: LedgerPage<Usage>?
    ) -> JSON {
        [
            "userId": .string(account.text),
            "email": email.map(JSON.string) ?? .null,
            "credits": .integer(balance.available),
            "held": .integer(balance.held),
            "purchases": .array(purchases?.entries.map(purchase) ?? []),
            "usage": .array(usage?.entries.map(self.usage) ?? []),
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
struct CreditsCursor: Hashable {
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
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        purchases = parts[0] == "-" ? nil : String(parts[0])
        usage = parts[1] == "-" ? nil : String(parts[1])
    }
}
