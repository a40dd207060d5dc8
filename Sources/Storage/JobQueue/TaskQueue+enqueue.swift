public import Core
public import Database

/// A task to be put into the queue.
public struct NewTask: Hashable, Sendable {
    /// The caller's name for it, used once.
    public var taskID: String
    public var kind: String
    /// Whose task it is (an account): keys of one priority take turns.
    public var fairnessKey: String
    /// Higher ones run first.
    public var priority: Int
    public var payload: String
    /// Not before; `nil`: at once.
    public var runAt: Timestamp?
    /// While a task of this kind and fairness key with the same unique key has not ended, no other is taken in.
    public var uniqueKey: String?

    public init(
        _ taskID: String, kind: String, fairnessKey: String, priority: Int = 0, payload: String,
        runAt: Timestamp? = nil, uniqueKey: String? = nil
    ) {
        self.taskID = taskID
        self.kind = kind
        self.fairnessKey = fairnessKey
        self.priority = priority
        self.payload = payload
        self.runAt = runAt
        self.uniqueKey = uniqueKey
    }
}

/// What became of a task that was to be put into the queue.
public enum EnqueueOutcome: Hashable, Sendable {
    case enqueued
    /// The task of that name has the unique key and has not ended: nothing was added.
    case alreadyThere(taskID: String)
}

extension TaskQueue {
    /// Tasks that travel in one statement.
    private static let batchTasksMax = 1000
    private static let batchBytesMax = 1 << 20

    /// Puts a task into the queue.
    ///
    /// - Throws: `duplicateTask`, `payloadTooLarge`, `identifierTooLong`.
    @discardableResult
    public func enqueue(
        _ task: NewTask, in connection: any DatabaseConnection
    ) async throws(QueueError) -> EnqueueOutcome {
        try check(task)
        // A task that had the unique key may end between the two looks: then there is room.
        for _ in 0..<Self.looksMax {
            if try await insert(task, connection) { return .enqueued }
            guard task.uniqueKey != nil else { break }
            let holder = try await holder(of: task, connection)
            if let holder, holder != task.taskID { return .alreadyThere(taskID: holder) }
            guard holder == nil, try await !exists(task.taskID, connection) else { break }
        }
        throw .duplicateTask
    }

    /// Puts a task into the queue. Higher priorities run first; the fairness key (an account) shares turns with
    /// the others of its priority.
    ///
    /// - Throws: `duplicateTask`, `payloadTooLarge`, `identifierTooLong`.
    public func enqueue(
        _ taskID: String, kind: String, fairnessKey: String, priority: Int = 0, payload: String,
        runAt: Timestamp? = nil, in connection: any DatabaseConnection
    ) async throws(QueueError) {
        try await enqueue(
            NewTask(
                taskID, kind: kind, fairnessKey: fairnessKey, priority: priority, payload: payload, runAt: runAt),
            in: connection)
    }

    /// Puts many tasks into the queue, a thousand with each statement. Returns the names of those that were added; the
    /// others were there before, by their name or their unique key.
    ///
    /// - Throws: `payloadTooLarge`, `identifierTooLong`: then none is added.
    public func enqueue(
        _ tasks: [NewTask], in connection: any DatabaseConnection
    ) async throws(QueueError) -> Set<String> {
        for task in tasks { try check(task) }
        let (now, sql) = (now(connection.dialect), QueueSQL(connection))
        var added: Set<String> = []
        var start = 0
        while start < tasks.count {
            var (end, bytes) = (start, 0)
            while end < tasks.count, end - start < Self.batchTasksMax, bytes < Self.batchBytesMax {
                bytes += tasks[end].payload.utf8.count
                end += 1
            }
            let rows = JSON.array(tasks[start..<end].map(Self.row))
            let names = try await sql.rows(
                QueueStatements.enqueueMany(connection.dialect), [.text(rows.text), now]
            ) { row throws(DatabaseError) in try row.text("id") }
            added.formUnion(names)
            start = end
        }
        return added
    }

    private static let looksMax = 3

    private func check(_ task: NewTask) throws(QueueError) {
        guard task.payload.utf8.count <= limits.payloadBytesMax else {
            throw .payloadTooLarge(bytesMax: limits.payloadBytesMax)
        }
        for text in [task.taskID, task.kind, task.fairnessKey, task.uniqueKey ?? ""]
        where text.utf8.count > limits.identifierBytesMax {
            throw .identifierTooLong(bytesMax: limits.identifierBytesMax)
        }
    }

    private static func row(_ task: NewTask) -> JSON {
        [
            "id": .string(task.taskID), "kind": .string(task.kind), "fairness_key": .string(task.fairnessKey),
            "priority": .integer(Int64(task.priority)), "payload": .string(task.payload),
            "unique_key": task.uniqueKey.map { JSON.string($0) } ?? .null,
            "run_at": task.runAt.map { JSON.integer($0.milliseconds) } ?? .null,
        ]
    }

    private func insert(
        _ task: NewTask, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> Bool {
        try await QueueSQL(connection).run(
            QueueStatements.enqueue(connection.dialect),
            [
                .text(task.taskID), .text(task.kind), .text(task.fairnessKey), .integer(Int64(task.priority)),
                .text(task.payload), task.runAt.map { .integer($0.milliseconds) } ?? .null,
                now(connection.dialect), .optional(task.uniqueKey),
            ]) == 1
    }

    /// The task that has not ended and has the unique key.
    private func holder(
        of task: NewTask, _ connection: any DatabaseConnection
    ) async throws(QueueError) -> String? {
        try await QueueSQL(connection).rows(
            """
            SELECT id FROM queue_tasks
            WHERE fairness_key = $1 AND kind = $2 AND unique_key = $3 AND ended_at IS NULL
            """, [.text(task.fairnessKey), .text(task.kind), .optional(task.uniqueKey)]
        ) { row throws(DatabaseError) in try row.text("id") }.first
    }

    func exists(_ taskID: String, _ connection: any DatabaseConnection) async throws(QueueError) -> Bool {
        try await !QueueSQL(connection).rows("SELECT id FROM queue_tasks WHERE id = $1", [.text(taskID)]) { _ in }
            .isEmpty
    }
}
