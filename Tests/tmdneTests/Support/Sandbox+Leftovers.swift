import Coordinator
import Foundation
import SharedModel
import Testing

extension Sandbox {
    /// Cells whose storage a coordinator acknowledged to any worker with `--verbose`.
    var acknowledged: Set<CellKey> {
        launched.reduce(into: []) { $0.formUnion($1.acknowledged) }
    }

    /// Processes that work in this directory: what a test started, and what that started in turn.
    var inhabitants: [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            // Of those that have ended, and of other people's, nothing can be read.
            let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd")
            return link == path || link?.hasPrefix(path + "/") == true
        }
    }

    /// Waits until every process has ended by itself. A worker that wakes when all is over tries for a minute to deliver.
    func expectNobodyLeft(within limit: Duration = .seconds(90)) async throws {
        try await eventually("processes \(inhabitants) end", within: limit) { inhabitants.isEmpty ? () : nil }
    }

    /// Checks that no output of a process and no log holds a join token, the secret of `directory` or a private key.
    ///
    /// The line that invites a worker is what people copy; a worker's own output has no such line.
    func expectNoSecrets(of directory: SweepDirectory) throws {
        let text = try String(contentsOf: directory.secret, encoding: .utf8)
        let secret = JoinSecret(base64URL: text.trimmingCharacters(in: .whitespacesAndNewlines))
        let traces = try SecretTraces(of: #require(secret))
        for process in launched {
            let lines = (process.text + "\n" + process.complaints).split(separator: "\n").filter { line in
                process.isWorker || !line.hasPrefix("tmdne worker \(JoinToken.prefix)")
            }
            #expect(!traces.show(lines.joined(separator: "\n")), "\(process.command) tells a secret")
        }
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) where name.hasSuffix(".log") {
            #expect(try !traces.show(String(contentsOfFile: file(name), encoding: .utf8)), "\(name) tells a secret")
        }
    }
}
