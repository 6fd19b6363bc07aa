import Foundation
import SharedModel
import Testing

extension EndToEnd {
    /// How a worker comes by its token, and where connections may go unencrypted.
    @Suite struct JoinTests {
        private static let sweep = SmallSweep()

        @Test(
            "a worker takes its token from a file of its owner's, and from none that others can read",
            .timeLimit(.minutes(1)))
        func joinFile() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let path = try sandbox.write("token", token + "\n")
                for mode in [0o644, 0o640, 0o604] {
                    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
                    let refused = try await sandbox.run("worker", "--join-file", "token")
                    Self.expect(refused, code: 64, saying: "token holds a secret but others may read it; run chmod 600")
                }
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                let twice = try await sandbox.run("worker", token, "--join-file", "token")
                Self.expect(twice, code: 64, saying: "Give the join token or --join-file, not both.")
                let missing = try await sandbox.run("worker", "--join-file", "nothing")
                Self.expect(missing, code: 64, saying: "nothing can't be read as a file with a join token")

                let worker = try sandbox.start("worker", "--join-file", "token", "--cache", "cache", "--verbose")
                let codes = [try await coordinator.end(), try await worker.end()]
                #expect(codes == [0, 0], "\(coordinator.complaints)\(worker.complaints)")
                #expect(worker.acknowledged.count == Self.sweep.cells)
                // That no worker told the token is seen here, too.
                try await SweepAudit(sandbox, "out").expectWhole(Self.sweep)
            }
        }

        @Test(
            "without encryption a sweep is rendered on this host, and no other host is let in or trusted with the secret",
            .timeLimit(.minutes(1)))
        func unencrypted() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                for address in ["0.0.0.0:0", "[::]:0"] {
                    let refused = try await sandbox.run(
                        "coordinator", "sweep.yaml", "--output", "other", "--listen", address, "--no-tls")
                    Self.expect(refused, code: 1, saying: "nothing may go unencrypted; leave --no-tls away")
                    #expect(!sandbox.exists("other"))
                }
                let (coordinator, token) = try await sandbox.coordinator(
                    "sweep.yaml", 0, "--output", "out", "--no-tls")
                let parsed = try JoinToken(parsing: token)
                #expect(parsed.publicKeyHash == nil && parsed.isLocal)
                #expect(!sandbox.exists("out/tls.pem"))
                let abroad = try JoinToken(hosts: ["192.0.2.1"], port: parsed.port, secret: parsed.secret).text
                let refused = try await sandbox.run("worker", abroad, "--cache", "cache-abroad")
                #expect(refused.code == 78, "\(refused.complaints)")
                #expect(refused.complaints.contains("its secret would cross the network to 192.0.2.1"))

                let worker = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                let codes = [try await coordinator.end(), try await worker.end()]
                #expect(codes == [0, 0], "\(coordinator.complaints)\(worker.complaints)")
                try await SweepAudit(sandbox, "out").expectWhole(Self.sweep)
            }
        }

        private static func expect(
            _ refused: Finished, code: Int32, saying sentence: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(refused.code == code, "\(refused.complaints)", sourceLocation: sourceLocation)
            #expect(refused.output.isEmpty, sourceLocation: sourceLocation)
            #expect(refused.complaints.hasPrefix("Error: "), sourceLocation: sourceLocation)
            #expect(
                refused.complaints.contains(sentence), "\(refused.complaints)", sourceLocation: sourceLocation)
        }
    }
}
