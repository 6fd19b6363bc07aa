import Coordinator
import Foundation
import GRDB
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Many workers at once.
    @Suite struct StormTests {
        @Test(
            "workers that all lost their coordinator at once are all back soon after it is",
            .timeLimit(.minutes(Soak.size(1, soak: 4))))
        func reconnect() async throws {
            let count = Soak.size(100, soak: 1000)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let (first, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let port = try JoinToken(parsing: token).port
                let fleet = try sandbox.start(
                    "simulate", token, "--task", "presence", "--workers", "\(count)", "--duration", "200")
                func reach(_ what: String, within limit: Duration) async throws {
                    // From the database, as a status names no more than 500.
                    let directory = SweepDirectory(URL(filePath: sandbox.file("out")))
                    let database = try DatabaseQueue(path: directory.database.path)
                    try await eventually("\(what): \(fleet.complaints)", within: limit) {
                        let connected = try database.read { db in
                            try Int.fetchOne(db, sql: "SELECT count(*) FROM worker WHERE connected = 1")
                        }
                        return connected == count ? () : nil
                    }
                }
                try await reach("all are there", within: .seconds(60))
                first.signal(SIGKILL)
                #expect(try await first.end() == -SIGKILL)
                // Long enough for everybody to try in vain, and to wait longer from one time to the next.
                try await Task.sleep(for: .seconds(Soak.size(1, soak: 10)))
                let (second, _) = try await sandbox.coordinator("out", port)
                let begin = ContinuousClock.now
                // Workers wait 10 s at the most before they try again; the rest is for a machine that others keep busy.
                try await reach("all are back", within: .seconds(40))
                let seconds = ((ContinuousClock.now - begin) / .seconds(1) * 10).rounded() / 10
                #expect(second.isRunning)
                Soak.record(
                    "\(count) workers lose their coordinator", injectedBy: "SIGKILL", runs: 1,
                    "all back after \(seconds) s")
            }
        }
    }
}
