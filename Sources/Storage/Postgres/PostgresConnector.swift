internal import Core
public import Database

/// What became of a connection: for the log. Holds no password and no argument.
public enum PostgresEvent: Sendable {
    case connected
    case unreachable(DatabaseError)
    case lost(DatabaseError)
}

/// Makes connections on threads of its own: looking a name up, proving a password (SCRAM is thousands of hashes) and
/// shaking hands take milliseconds to seconds, which a loop must not spend.
final class PostgresConnector: Sendable {
    let address: PostgresAddress
    let limits: PostgresLimits
    private let pool = BlockingPool(name: "pg-connect", threads: 2)

    init(address: PostgresAddress, limits: PostgresLimits) {
        self.address = address
        self.limits = limits
    }

    func open() async -> Result<PostgresHandle, DatabaseError> {
        do {
            let (address, limits) = (address, limits)
            return .success(try await pool.run { try PostgresHandle.open(address, limits) })
        } catch let error as DatabaseError {
            return .failure(error)
        } catch {
            return .failure(.unreachable("\(error)"))
        }
    }
}
