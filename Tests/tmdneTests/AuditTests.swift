import Coordinator
import Foundation
import GRDB
import SharedModel
import Testing

extension EndToEnd {
    /// The check that ends the test of every fault: each of its parts must be able to fail.
    @Suite struct AuditTests {
        private static let sweep = SmallSweep()

        @Test("whatever is wrong or left over after a sweep is found", .timeLimit(.minutes(2)))
        func finds() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let worker = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                let codes = [try await coordinator.end(), try await worker.end()]
                #expect(codes == [0, 0])
                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(Self.sweep)
                try audit.expectEmptySpools(below: "cache")

                for name in ["listening.json.new", "incoming/1.part", "tokens/x.json.new", "images/other.png"] {
                    try await Self.expectFailure("\(name) is left", of: audit, in: sandbox, ["out/\(name)": "x"])
                }
                let secret = try String(contentsOf: audit.directory.secret, encoding: .utf8)
                for told in [token, secret, "-----BEGIN PRIVATE KEY-----"] {
                    try await Self.expectFailure("a secret is told", of: audit, in: sandbox, ["other.log": "x \(told)"])
                }
                let image = "out/\(try #require(audit.rows.first?.image))"
                let whole = try Data(contentsOf: URL(filePath: sandbox.file(image)))
                try await Self.expectFailure("an image is damaged", of: audit, in: sandbox, [image: "x"])
                try sandbox.write(image, whole)
                try sandbox.write("cache/spool/0/1/x.image", "x")
                withKnownIssue("an image is left in a spool") { try audit.expectEmptySpools(below: "cache") }

                let other = SmallSweep(steps: 3)
                await withKnownIssue("a faultless run has other images") { try await audit.expectWhole(other) }
                let sleeper = Process()
                sleeper.executableURL = URL(filePath: "/bin/sleep")
                sleeper.arguments = ["100"]
                sleeper.currentDirectoryURL = URL(filePath: sandbox.path)
                try sleeper.run()
                let inhabitant = try #require(sandbox.inhabitants.first)
                await withKnownIssue("a process is left") {
                    try await sandbox.expectNobodyLeft(within: .milliseconds(50))
                }
                kill(inhabitant, SIGKILL)
                try await sandbox.expectNobodyLeft()

                try await audit.expectWhole(Self.sweep)
                try await DatabaseQueue(path: audit.directory.database.path).write { db in
                    try db.execute(sql: "UPDATE worker SET done = 0")
                }
                await withKnownIssue("a rule that spans tables is broken") { try await audit.expectWhole(Self.sweep) }
            }
        }

        @Test("an acknowledgement of an image that is not there is found", .timeLimit(.minutes(1)))
        func lostAcknowledgement() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out")
                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(Self.sweep)
                let cell = String(repeating: "0", count: 64)
                try sandbox.write("logs/0.err", "\(cell) stored\n")
                await withKnownIssue { try await audit.expectWhole(Self.sweep) }
            }
        }

        /// Expects the check to fail while there are these files, which are removed again.
        private static func expectFailure(
            _ reason: Comment, of audit: SweepAudit, in sandbox: Sandbox, _ files: [String: String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            for (name, text) in files { try sandbox.write(name, text) }
            await withKnownIssue(reason, sourceLocation: sourceLocation) { try await audit.expectWhole(sweep) }
            for name in files.keys { try FileManager.default.removeItem(atPath: sandbox.file(name)) }
        }
    }
}
