import Accounts
import ArgumentParser
import Config
import Core
import Database
import Ledger

/// Runs `body` on the store of the settings and closes it, whatever happens.
/// - Parameter isNew: whether a database that is not there yet is made.
func withStore<Value>(
    _ option: SettingsOption, isNew: Bool = false, _ body: (Store) async throws -> Value
) async throws -> Value {
    let store = try await Store.open(try option.load(), isNew: isNew)
    do {
        let value = try await body(store)
        await store.close()
        return value
    } catch {
        await store.close()
        throw error
    }
}

extension Store {
    func account(_ name: String) async throws -> AccountID {
        do {
            return try await accounts.account(named: name)
        } catch AccountError.unknownAccount {
            throw CommandFailure("there is no account \(name)", exit: .noInput)
        }
    }
}

struct AccountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts", abstract: "Open and show accounts.", subcommands: [Create.self, Show.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Open an account with the trial's credits.")
        @OptionGroup var settings: SettingsOption
        @Argument(help: "The e-mail address.") var email: String

        func run() async throws {
            guard email.contains("@"), email.utf8.count <= 254 else {
                throw CommandFailure("\(email) is no e-mail address", exit: .usage)
            }
            print(try await withStore(settings, isNew: true) { try await $0.openAccount(email: email.lowercased()) })
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show an account's balance.")
        @OptionGroup var settings: SettingsOption
        @Argument(help: "The account's e-mail address or id.") var account: String

        func run() async throws {
            try await withStore(settings) { store in
                let id = try await store.account(account)
                let ledger = store.ledger
                let balance = try await store.database.read { try await ledger.balance(of: id, in: $0) }
                print("\(id)  available \(balance.available)  held \(balance.held)  debt \(balance.debt)")
            }
        }
    }
}

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list and revoke API keys.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make an API key and print it, this once.")
        @OptionGroup var settings: SettingsOption
        @Option(help: "The account's e-mail address or id.") var account: String
        @Option(help: "What the key is for.") var name = "key"

        func run() async throws {
            try await withStore(settings) { store in
                let id = try await store.account(account)
                print(try await store.accounts.createKey(for: id, name: name).token)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List an account's keys.")
        @OptionGroup var settings: SettingsOption
        @Option(help: "The account's e-mail address or id.") var account: String

        func run() async throws {
            try await withStore(settings) { store in
                for key in try await store.accounts.keys(of: try await store.account(account)) {
                    let state = key.revokedAt.map { "revoked \($0)" } ?? "active"
                    let used = key.lastUsedAt.map { "\($0)" } ?? "never"
                    print("\(key.id)  \(key.name)  made \(key.createdAt)  used \(used)  \(state)")
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a key for ever.")
        @OptionGroup var settings: SettingsOption
        @Argument(help: "The key's id (key_…).") var key: String

        func run() async throws {
            guard let id = APIKeyID(parsing: key) else {
                throw CommandFailure("\(key) is no key's id", exit: .usage)
            }
            do {
                try await withStore(settings) { try await $0.accounts.revokeKey(id) }
            } catch AccountError.unknownKey {
                throw CommandFailure("there is no such key, or it is revoked already", exit: .noInput)
            }
        }
    }
}

struct CreditsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credits", abstract: "Grant credits.", subcommands: [Grant.self])

    struct Grant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Grant credits as an adjustment.",
            discussion: "With --reference, a repeat of the same command grants nothing more.")
        @OptionGroup var settings: SettingsOption
        @Option(help: "The account's e-mail address or id.") var account: String
        @Option(help: "Whole credits.") var amount: Int64
        @Option(help: "Names this grant for ever; made up if absent.") var reference: String?

        func run() async throws {
            guard let amount = CreditAmount(amount) else {
                throw CommandFailure("--amount must be from 1 to \(CreditAmount.creditsMax)", exit: .usage)
            }
            try await withStore(settings) { store in
                let id = try await store.account(account)
                let (ledger, now) = (store.ledger, store.time.now())
                let reference = reference ?? "grant \(now)"
                let balance = try await store.database.write {
                    try await ledger.grant(
                        amount, to: id, source: .adjustment, reference: reference, expiresAt: nil, in: $0)
                }
                print("\(id)  available \(balance.available)  held \(balance.held)  debt \(balance.debt)")
            }
        }
    }
}

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Check the books.", subcommands: [Verify.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Recompute every balance from the entries; exit 65 if the books disagree.")
        @OptionGroup var settings: SettingsOption

        func run() async throws {
            try await withStore(settings) { store in
                let ledger = store.ledger
                let discrepancies = try await store.database.read { try await ledger.verify(in: $0) }
                for discrepancy in discrepancies { print(discrepancy) }
                guard discrepancies.isEmpty else {
                    throw CommandFailure("\(discrepancies.count) discrepancies", exit: .badInput)
                }
                print("The ledger is clean.")
            }
        }
    }
}

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Print the settings in force, secrets redacted.")
    @OptionGroup var settings: SettingsOption

    func run() throws { print(try settings.load().dump(redacted: true), terminator: "") }
}
