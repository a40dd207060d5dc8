internal import CPostgres
internal import Database
internal import Reactor

extension PostgresSession {
    // SAFETY: as in PostgresSession+flights.swift.

    /// Runs a text of several statements, once what was sent before is answered: the protocol that takes several at
    /// once is not to be had in pipeline mode.
    func run(script text: String) async -> FlightOutcome {
        await withCheckedContinuation { waiter in
            loop.execute {
                self.enqueue {
                    self.script = PostgresFlight(sentAt: self.loop.now, endsTransaction: false) {
                        waiter.resume(returning: $0)
                    }
                    self.scriptText = text
                    if self.queue.isEmpty { self.sendScript() }
                }
            }
        }
    }

    func sendScript() {
        guard let connection = handle?.connection else {
            script?.fail(ServerRefusal(error: deathReason, leavesSession: false))
            return endScript()
        }
        guard PQexitPipelineMode(connection) == 1, PQsendQuery(connection, scriptText) == 1 else {
            return die(.connectionLost)
        }
        flush()
        startWatch()
    }

    func receiveScript(_ connection: OpaquePointer) {
        while PQisBusy(connection) == 0 {
            guard let result = PQgetResult(connection) else {
                guard PQstatus(connection) == CONNECTION_OK, PQenterPipelineMode(connection) == 1 else {
                    return die(.connectionLost)
                }
                return endScript()
            }
            lastResultAt = loop.now
            if PQresultStatus(result) == PGRES_FATAL_ERROR { script?.fail(ServerRefusal(result)) }
            PQclear(result)
        }
    }

    func endScript() {
        let flight = script
        script = nil
        scriptText = ""
        flight?.complete()
        let waiting = backlog
        backlog = []
        for body in waiting { enqueue(body) }
    }
}
