import Accounts
import Blobs
import Core
import Database
import HTTP
import JobQueue
import Ledger
import SQLite
import Studio
import Support
import Telemetry
import Testing
import Workers

@testable import API

struct RouteTableTests {
    /// `docs/routes.md` is this table: a new route is one added line there.
    @Test func `the documented routes are the routes`() async throws {
        let studio = try await StudioFixture()
        let services = Services(
            accounts: studio.accounts, books: LedgerReader(database: studio.database, ledger: studio.ledger),
            jobs: studio.jobs, isReady: { true })
        let routes = RouteTable.routes(services, limits: APILimits(), metrics: Metrics(), time: studio.time)
        var text = "# Routes\n\n| method | path | caller | budget | what |\n|---|---|---|---|---|\n"
        for route in routes {
            text += "| `\(route.method)` | `\(route.path)` | \(route.caller) | \(route.budgetName) "
            text += "| \(route.summary) |\n"
        }
        #expect(Repository.golden("docs/routes.md", generated: text) == text)
    }
}
