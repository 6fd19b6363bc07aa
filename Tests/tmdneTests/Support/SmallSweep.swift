import Foundation
import SharedModel
import Testing

/// A sweep file whose images take a few hundredths of a second.
struct SmallSweep {
    var name = "small"
    var model = "tmdne-tiny"
    var prompts = ["old man at a blackboard", "young woman at a blackboard"]
    var guidances = 5
    var steps = 2
    /// A line more, or one that takes the place of the line with its key.
    var extra: String?

    var cells: Int { prompts.count * guidances }

    var text: String {
        var lines = [
            "name: \(name)", "model: \(model)", "seed: 7", "sampler: euler", "steps: \(steps)", "size: 64x64",
            "prompts: [\(prompts.joined(separator: ", "))]", "guidance: {from: 1, to: \(guidances), step: 1}",
        ]
        if let extra {
            let key = extra.prefix { $0 != ":" } + ":"
            lines.removeAll { $0.hasPrefix(key) }
            lines.append(extra)
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Sandbox {
    /// Starts a coordinator on a port and waits for the line that joins a worker.
    func coordinator(_ sweep: String, _ port: Int = 0, _ options: String...) async throws -> (
        process: Launched, token: String
    ) {
        try await coordinator(sweep, at: "127.0.0.1:\(port)", options, behind: [])
    }

    /// Starts a coordinator at an address, behind the words of `wrapper`, and waits for the line that joins a worker.
    func coordinator(_ sweep: String, at address: String, _ options: [String], behind wrapper: [String]) async throws
        -> (process: Launched, token: String)
    {
        let process = try start(["coordinator", sweep, "--listen", address] + options, behind: wrapper)
        let token = try await eventually("\(sweep) is served: \(process.complaints)") {
            let line = process.text.split(separator: "\n").first { $0.hasPrefix("tmdne worker ") }
            guard process.text.hasSuffix("\n") || line == nil else { return nil as String? }
            return line.map { String($0.dropFirst("tmdne worker ".count)) }
        }
        return (process, token)
    }
}
