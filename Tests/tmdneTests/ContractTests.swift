import Foundation
import Testing

extension EndToEnd {
    /// What scripts rely on: the keys of the commands that write JSON.
    @Suite struct ContractTests {
        private static let statusKeys: Set = [
            "state", "positions", "cells", "done", "failed", "leased", "pending", "prioritised", "imagesPerMinute",
            "etaSeconds", "workers", "sweep", "message", "failures",
        ]
        private static let workerKeys: Set = [
            "name", "device", "state", "done", "secondsPerImage", "note", "rendering",
        ]
        private static let exportKeys: Set = [
            "position", "prompt", "style", "guidance", "seed", "steps", "sampler", "width", "height", "cell", "state",
            "image", "sha256", "worker", "attempts", "verdict", "tags", "note", "measures", "reading",
            "timings",
        ]
        private static let timingKeys: Set = ["encode", "denoise", "decode", "png", "upload", "total"]

        @Test("the plan of the original sweep has 420 positions, 336 cells and 84 duplicates", .timeLimit(.minutes(1)))
        func plan() async throws {
            let example = EndToEnd.root.appending(path: "Examples/tmdne.yaml").path
            try await Sandbox.with { sandbox in
                let plan = try Self.object(try await sandbox.succeed("plan", example, "--json"))
                #expect(Set(plan.keys) == ["positions", "cells", "shards", "duplicates"])
                #expect(plan["positions"] as? Int == 420)
                #expect(plan["cells"] as? Int == 336)
                #expect(plan["duplicates"] as? Int == 84)
                #expect(try #require(plan["shards"] as? Int) > 0)
                let left = try FileManager.default.contentsOfDirectory(atPath: sandbox.path)
                #expect(
                    Set(left).isSubset(of: ["logs", "home-cache"]),
                    "planning writes nothing but what it remembers of models")
            }
        }

        @Test("status and export have every key of the contract, known or not", .timeLimit(.minutes(1)))
        func statusAndExport() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let fresh = try Self.object(try await sandbox.succeed("status", "out", "--json"))
                #expect(Set(fresh.keys) == Self.statusKeys)
                #expect(fresh["state"] as? String == "running")
                #expect(fresh["pending"] as? Int == 10)
                #expect(fresh["imagesPerMinute"] is NSNull && fresh["etaSeconds"] is NSNull)
                let undone = try await sandbox.succeed("export", "out", "--format", "jsonl")
                try Self.expectLines(undone, state: "pending")

                let worker = try sandbox.start("worker", token)
                let codes = [try await coordinator.end(), try await worker.end()]
                #expect(codes == [0, 0])
                let ended = try Self.object(try await sandbox.succeed("status", "out", "--json"))
                #expect(Set(ended.keys) == Self.statusKeys)
                #expect(ended["state"] as? String == "done")
                #expect(ended["done"] as? Int == 10)
                let workers = try #require(ended["workers"] as? [[String: Any]])
                #expect(workers.count == 1)
                #expect(workers.allSatisfy { Set($0.keys) == Self.workerKeys })
                try Self.expectLines(try await sandbox.succeed("export", "out", "--format", "jsonl"), state: "done")
            }
        }

        private static func expectLines(_ text: String, state: String) throws {
            let lines = text.split(separator: "\n")
            #expect(lines.count == 10)
            for (index, line) in lines.enumerated() {
                let row = try object(String(line))
                #expect(Set(row.keys) == exportKeys)
                #expect(row["position"] as? Int == index)
                #expect(row["state"] as? String == state)
                guard state == "done" else { continue }
                let timings = try #require(row["timings"] as? [String: Double])
                #expect(Set(timings.keys) == timingKeys)
                #expect(timings.values.allSatisfy { $0 > 0 })
            }
        }

        private static func object(_ text: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }
    }
}
