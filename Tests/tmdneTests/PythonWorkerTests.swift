import Coordinator
import Foundation
import SharedModel
import Testing

extension EndToEnd {
    @Suite("A worker in another language", .timeLimit(.minutes(3)))
    struct PythonWorkerTests {
        /// Runs the script to its end.
        private func python(_ sandbox: Sandbox, _ arguments: String...) async throws -> (code: Int32, output: String) {
            let output = Pipe()
            let process = try PythonWorker.start(arguments, output: output)
            try await eventually("the script ends") { process.isRunning ? nil : () }
            let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            return (process.terminationStatus, text)
        }

        @Test(
            "written from the protocol's page alone, it joins, resumes a cut upload, and its images say what they are")
        func wholeSweep() async throws {
            try await Sandbox.with { sandbox in
                let sweep = SmallSweep()
                try sandbox.write("sweep.yaml", sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let (code, output) = try await python(sandbox, token, "--cut")
                #expect(code == 0, "\(output)")
                let summary = try JSONDecoder().decode([String: Int].self, from: Data(output.utf8))
                #expect(summary["stored"] == sweep.cells)
                #expect((summary["resumedAt"] ?? 0) > 1000)
                #expect(try await coordinator.end() == 0)
                let before = try SweepAudit(sandbox, "out")
                #expect(before.rows.allSatisfy { $0.state == "done" && $0.worker == "python" })

                let checked = try await sandbox.succeed("check", "out")
                #expect(!checked.contains("say nothing of themselves"), "\(checked)")
                for suffix in ["", "-wal", "-shm"] {
                    try? FileManager.default.removeItem(atPath: sandbox.file("out/sweep.db\(suffix)"))
                }
                let rebuilt = try await sandbox.succeed("rebuild", "out")
                #expect(rebuilt.contains("\(sweep.cells) of \(sweep.cells) cells have their image"), "\(rebuilt)")
                #expect(try SweepAudit(sandbox, "out").images == before.images)
            }
        }

        @Test("it is told why it is not let in, and whom not to trust it finds out by itself")
        func refusals() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let (_, text) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let token = try JoinToken(parsing: text)
                let wrong = try JoinToken(
                    hosts: token.hosts, port: token.port, secret: JoinSecret(), publicKeyHash: token.publicKeyHash)
                let refused = try await python(sandbox, wrong.text)
                #expect(refused.code == 78 && refused.output.contains("token is wrong"))
                let strange = try JoinToken(
                    hosts: token.hosts, port: token.port, secret: token.secret,
                    publicKeyHash: Array(repeating: 1, count: 32))
                let distrusting = try await python(sandbox, strange.text)
                #expect(distrusting.code == 1 && distrusting.output.contains("another key"))
            }
        }
    }
}
