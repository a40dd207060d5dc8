internal import Blobs
internal import Core
internal import Database
internal import JobQueue
internal import Ledger

/// The one place where the errors of the rooms below become `JobError`.
extension JobService {
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws(JobError) -> Value {
        do {
            return try await database.read(body)
        } catch {
            throw JobError(mapping: error)
        }
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws(JobError) -> Value {
        do {
            return try await database.write(body)
        } catch {
            throw JobError(mapping: error)
        }
    }

    /// A write of the server itself, within a request of a caller who may less.
    func asService<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) async throws -> Value
    ) async throws(JobError) -> Value {
        do {
            return try await DatabaseCaller.$current.withValue(.service) { try await database.write(body) }
        } catch {
            throw JobError(mapping: error)
        }
    }

    func onDisk<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws(JobError) -> Value {
        do {
            return try await disk.run(body)
        } catch {
            throw JobError(mapping: error)
        }
    }
}

extension JobError {
    init(mapping error: any Error) {
        switch error {
        case let error as JobError: self = error
        case let error as DatabaseError: self = JobError(error)
        case let error as BlobError: self = JobError(error)
        case LedgerError.insufficientCredits(let available, let required):
            self = .insufficientCredits(available: available, required: required)
        case LedgerError.database(let error): self = JobError(error)
        case QueueError.database(let error): self = JobError(error)
        default: self = .internal(cause: "\(error)")
        }
    }
}
