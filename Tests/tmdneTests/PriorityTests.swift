import Coordinator
import Foundation
import GRDB
import SharedModel
import Testing

extension EndToEnd {
    /// `prioritise` beside a running coordinator and without one.
    @Suite struct PriorityTests {
        private static let sweep = SmallSweep(
            guidances: 4, extra: "styles: [none, sai-photographic, cinematic-default]")

        @Test("a style that is wanted first is rendered first, in a sweep that is served", .timeLimit(.minutes(2)))
        func served() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let said = try await sandbox.succeed("prioritise", "out", "--style", "cinematic-default")
                #expect(said == "8 images come first now; the running coordinator takes it up.\n")
                let reader = try SweepReader(SweepDirectory(URL(filePath: sandbox.file("out"))))
                try await eventually("the coordinator takes it up") {
                    try reader.status().prioritised == 8 ? () : nil
                }
                let text = try await sandbox.succeed("status", "out")
                #expect(text.contains("\n  8 of the leased and pending come first, for they are prioritised\n"))
                let explained = try await sandbox.succeed("explain", "out", "8")
                #expect(explained.contains("It is pending, the first in line.\nIt is prioritised: its priority is 1,"))

                let worker = try sandbox.start("worker", token)
                let codes = [try await coordinator.end(), try await worker.end()]
                #expect(codes == [0, 0])
                try await SweepAudit(sandbox, "out").expectWhole(cells: 24)
                let styles = try Self.stylesAsStored(sandbox)
                #expect(styles.prefix(8).allSatisfy { $0 == "cinematic-default" }, "\(styles)")
            }
        }

        @Test("in a sweep that rests it is kept for the next start, and can be taken back", .timeLimit(.minutes(2)))
        func resting() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, _) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                // It listens before it hears signals.
                try await sandbox.succeed("status", "out")
                coordinator.signal(SIGTERM)
                let code = try await coordinator.end()
                #expect(code == 1, "cells are left")

                let one = try await sandbox.succeed("prioritize", "out", "--position", "0", "--prompt", "old man")
                #expect(
                    one == """
                        4 images come first now, 3 of them because they are handed out together with the others; \
                        `tmdne resume out` begins with them.

                        """)
                let reset = try await sandbox.succeed("prioritise", "out", "--reset")
                #expect(reset == "4 images have their usual place again.\n")
                try await sandbox.succeed(
                    "prioritise", "out", "--prompt", "young", "--style", "sai-photographic", "--to", "9")
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out")
                let styles = try Self.stylesAsStored(sandbox)
                #expect(styles.prefix(4).allSatisfy { $0 == "sai-photographic" }, "\(styles)")
                let over = try await sandbox.succeed("prioritise", "out", "--style", "none")
                #expect(over.hasPrefix("Nothing is left to come first: these images are done"))
            }
        }

        @Test("what can't come first is refused in a sentence, and nothing is left behind", .timeLimit(.minutes(1)))
        func refusals() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, _) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                for isServed in [true, false] {
                    for (arguments, code, sentence) in Self.refused {
                        let process = try sandbox.start(["prioritise"] + arguments)
                        #expect(try await process.end() == code, "\(arguments)")
                        let said = process.complaints.prefix { $0 != "\n" }
                        #expect(said == "Error: \(sentence.replacing("HERE", with: sandbox.path))", "\(arguments)")
                    }
                    let left = try FileManager.default.contentsOfDirectory(atPath: sandbox.file("out/requests"))
                    #expect(left == [], "served: \(isServed)")
                    guard isServed else { continue }
                    coordinator.signal(SIGTERM)
                    #expect(try await coordinator.end() == 1)
                }
                #expect(!sandbox.exists("nothing"))
            }
        }

        private static let refused: [(arguments: [String], code: Int32, sentence: String)] = [
            (
                ["out", "--style", "ink"], 1,
                "The sweep has no style “ink”; it has “none”, “sai-photographic”, “cinematic-default”."
            ),
            (
                ["out", "--prompt", "dog", "--style", "none"], 1,
                "The sweep has no prompt “dog”; it has “old man at a blackboard”, “young woman at a blackboard”."
            ),
            (["out", "--guidance", "2.50"], 1, "The sweep has no guidance “2.5”; it has “1”, “2”, “3”, “4”."),
            (
                ["out", "--position", "24"], 1,
                "The sweep has no position, cell or worker “24”; `tmdne status` lists the workers, `tmdne export` the cells."
            ),
            (
                ["out", "--position", "0", "--style", "cinematic-default"], 1,
                "No position of the sweep is all of that at once; leave one of the options away."
            ),
            (
                ["nothing", "--style", "none"], 1,
                "HERE/nothing holds no sweep.db; name the directory that an earlier run wrote, or start one with a sweep file."
            ),
            (["out"], 64, "Name what comes first, such as --style or --prompt, or give --reset."),
            (
                ["out", "--style", "none", "--to", "10"], 64,
                "--to 10 is not possible; choose between 1 and 9, or --reset."
            ),
        ]

        /// Styles of the images in the order in which they came.
        private static func stylesAsStored(_ sandbox: Sandbox) throws -> [String] {
            var configuration = Configuration()
            configuration.readonly = true
            return try DatabaseQueue(path: sandbox.file("out/sweep.db"), configuration: configuration).read { db in
                try String.fetchAll(db, sql: "SELECT style FROM grid WHERE state = 'done' ORDER BY stored_at")
            }
        }
    }
}
