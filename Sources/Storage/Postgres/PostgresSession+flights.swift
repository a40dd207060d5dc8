internal import CPostgres
internal import Database
internal import Reactor

extension PostgresSession {
    // SAFETY: in this whole file `connection` is that of the living `handle`; a result is cleared once, after
    // its last use; what libpq is given it copies.

    /// Sends what `steps` returns, on the loop and in the order of the calls, in one flush, and waits for its answers.
    func fly(_ steps: @escaping @Sendable () -> Result<[FlightStep], DatabaseError>) async -> FlightOutcome {
        await withCheckedContinuation { waiter in
            loop.execute { self.launch(steps) { waiter.resume(returning: $0) } }
        }
    }

    func fly(_ steps: [FlightStep]) async -> FlightOutcome { await fly { .success(steps) } }

    /// Sends without waiting: for the end of a read.
    func send(_ steps: [FlightStep]) { loop.execute { self.launch({ .success(steps) }, { _ in }) } }

    private func launch(
        _ steps: @escaping @Sendable () -> Result<[FlightStep], DatabaseError>,
        _ completion: @escaping (FlightOutcome) -> Void
    ) {
        enqueue {
            switch steps() {
            case .failure(let error): completion(.unsent(error))
            case .success(let steps): self.send(steps, completion)
            }
        }
    }

    func enqueue(_ body: @escaping () -> Void) {
        loop.assertOnLoop()
        if script == nil && backlog.isEmpty { body() } else { backlog.append(body) }
    }

    // MARK: Sending

    private func send(_ steps: [FlightStep], _ completion: @escaping (FlightOutcome) -> Void) {
        guard let connection = handle?.connection else { return completion(.unsent(deathReason)) }
        let flight = PostgresFlight(
            sentAt: loop.now, endsTransaction: steps.last?.isEnd ?? false, completion: completion)
        do throws(DatabaseError) {
            for step in steps { try send(step, flight, connection) }
        } catch {
            // What went before it is carried out: its sender rolls that back.
            flight.fail(ServerRefusal(error: error))
        }
        queue.append(.sync, of: flight)
        guard PQpipelineSync(connection) == 1 else { return die(.connectionLost) }
        flush()
        startWatch()
    }

    private func send(
        _ step: FlightStep, _ flight: PostgresFlight, _ connection: OpaquePointer
    ) throws(DatabaseError) {
        switch step {
        case .begin(let isRead):
            try expect(.begin, flight, Self.run(isRead ? "begin_read" : "begin_write", connection))
        case .commit:
            flight.outcome.commit = .asked
            try expect(.commit, flight, Self.run("commit", connection))
        case .rollback: try expect(.rollback, flight, Self.run("rollback", connection))
        case .statement(let statement): try send(statement, isAnswered: true, flight, connection)
        case .preamble(let statement): try send(statement, isAnswered: false, flight, connection)
        }
    }

    private func send(
        _ statement: DatabaseStatement, isAnswered: Bool, _ flight: PostgresFlight, _ connection: OpaquePointer
    ) throws(DatabaseError) {
        try arguments.fill(statement.arguments)
        let (name, isNew) = cache.use(statement.sql)
        // Never before a BEGIN: it would take the snapshot that the isolation level is yet to be set for.
        for waste in cache.takeWaste() {
            let isSent = PQsendQueryParams(connection, "DEALLOCATE \(waste)", 0, nil, nil, nil, nil, 1)
            try expect(.deallocate(name: waste), flight, isSent)
        }
        if isNew {
            let isSent = PQsendPrepare(connection, name, statement.sql, 0, nil)
            try expect(.prepare(sql: statement.sql, name: name), flight, isSent)
        }
        let isSent = arguments.withPointers { count, values, lengths, formats in
            PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1)
        }
        try expect(.statement(sql: statement.sql, isAnswered: isAnswered), flight, isSent)
    }

    private static func run(_ name: String, _ connection: OpaquePointer) -> Int32 {
        PQsendQueryPrepared(connection, name, 0, nil, nil, nil, 1)
    }

    private func expect(
        _ command: FlightQueue.Command, _ flight: PostgresFlight, _ isSent: Int32
    ) throws(DatabaseError) {
        guard isSent == 1 else {
            if case .prepare(let sql, let name) = command { cache.notPrepared(sql, name) }
            throw .misuse("more arguments or bytes than a message may have")
        }
        queue.append(command, of: flight)
    }

    // MARK: Receiving

    func receiveFlights(_ connection: OpaquePointer) {
        var isEmptyHanded = false
        while let next = queue.first, PQisBusy(connection) == 0 {
            guard let result = PQgetResult(connection) else {
                // The mark that ends one command's results. Twice without a result: the two sides count differently.
                if next.hasResult {
                    queue.removeFirst()
                } else if isEmptyHanded {
                    return die(.connectionLost)
                }
                isEmptyHanded = !next.hasResult
                continue
            }
            isEmptyHanded = false
            lastResultAt = loop.now
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC {
                guard case .sync = next.command else { return die(.connectionLost) }
                queue.removeFirst()
                guard finish(next.flight, connection) else { return }
                if queue.isEmpty && script != nil { return sendScript() }
            } else if case .sync = next.command {
                // An error where none belongs is the connection's.
                next.flight.fail(ServerRefusal(result))
                return die(.connectionLost)
            } else {
                if !next.hasResult { take(result, next) }
                guard handle != nil else { return }
                queue.markFirst()
            }
        }
    }

    /// False: the session is over.
    private func finish(_ flight: PostgresFlight, _ connection: OpaquePointer) -> Bool {
        let status = PQtransactionStatus(connection)
        if flight.endsTransaction && flight.outcome.failure == nil && status != PQTRANS_IDLE && queue.isEmpty {
            // Whoever gets the session next would work inside a stranger's transaction.
            flight.complete()
            die(.connectionLost)
            return false
        }
        flight.complete()
        return true
    }

    private func take(_ result: OpaquePointer, _ entry: FlightQueue.Entry) {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: takeSuccess(result, entry)
        case PGRES_PIPELINE_ABORTED:
            settleUnrun(entry)
            if case .commit = entry.command { entry.flight.outcome.commit = .refused }
        case PGRES_FATAL_ERROR: takeFailure(ServerRefusal(result), entry)
        default:
            // COPY and the like: nothing here can carry on with it.
            entry.flight.fail(ServerRefusal(error: .misuse("a statement that copies in or out")))
            die(.connectionLost)
        }
    }

    private func takeSuccess(_ result: OpaquePointer, _ entry: FlightQueue.Entry) {
        entry.flight.hasSuccess = true
        switch entry.command {
        case .prepare(_, let name): cache.prepared(name)
        case .deallocate(let name): cache.deallocated(name)
        case .commit:
            // A transaction that cannot be committed is rolled back by COMMIT, without an error.
            let isDone = String(cString: PQcmdStatus(result)) == "COMMIT"
            entry.flight.outcome.commit = isDone ? .done : .refused
            if !isDone { entry.flight.fail(ServerRefusal(error: .misuse("the transaction had failed before"))) }
        case .statement(let sql, true):
            do throws(DatabaseError) {
                entry.flight.outcome.answers.append(try answer(result, sql))
            } catch {
                entry.flight.fail(ServerRefusal(error: error))
            }
        case .begin, .rollback, .statement, .sync: break
        }
    }

    private func takeFailure(_ refusal: ServerRefusal, _ entry: FlightQueue.Entry) {
        settleUnrun(entry)
        switch (entry.command, refusal.staleness) {
        case (.statement(let sql, _), .outdated): cache.forget(sql)
        case (.statement(let sql, _), .missing): cache.drop(sql)
        default: break
        }
        // A transaction that never began left nothing: what went before on the connection had failed.
        if case .begin = entry.command { entry.flight.outcome.isUntouched = true }
        if case .commit = entry.command {
            // Only an ordinary error says for sure that nothing was committed.
            entry.flight.fail(refusal, passesOverCommit: refusal.leavesSession)
        } else {
            entry.flight.fail(refusal, passesOverCommit: refusal.isServers)
            if !refusal.leavesSession { entry.flight.lose(refusal) }
        }
    }

    private func settleUnrun(_ entry: FlightQueue.Entry) {
        switch entry.command {
        case .prepare(let sql, let name): cache.notPrepared(sql, name)
        case .deallocate(let name): cache.keep(name)
        default: break
        }
    }

    private func answer(_ result: OpaquePointer, _ sql: String) throws(DatabaseError) -> DatabaseAnswer {
        guard PQresultMemorySize(result) <= limits.answerBytesMax else {
            throw .misuse("an answer of more than \(limits.answerBytesMax) bytes")
        }
        var answer = DatabaseAnswer()
        if PQnfields(result) > 0 {
            let shape: StatementCache.Shape
            if let known = cache.shape(sql) {
                shape = known
            } else {
                shape = RowDecoder.shape(result)
                cache.learn(shape, of: sql)
            }
            answer.rows = try RowDecoder.rows(result, shape, countMax: limits.rowsMax)
        }
        // A SELECT counts its rows, too, which changed nothing.
        if !String(cString: PQcmdStatus(result)).hasPrefix("SELECT") {
            answer.changedCount = Int(String(cString: PQcmdTuples(result))) ?? 0
        }
        return answer
    }
}
