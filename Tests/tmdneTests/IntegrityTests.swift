import Coordinator
import Foundation
import GRDB
import PNG
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// What a disk did to a sweep that lay on it, and what `check`, `rebuild` and a restart make of it.
    @Suite struct IntegrityTests {
        private static let sweep = SmallSweep(prompts: ["a", "b"], guidances: 5)

        private static func finished(_ body: (Sandbox) async throws -> Void) async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out", "--cache", "cache")
                try await body(sandbox)
            }
        }

        @Test(
            "a flipped byte in an image is found, and its cell rendered again to the same bytes",
            .timeLimit(.minutes(1)))
        func flippedByte() async throws {
            try await Self.finished { sandbox in
                let before = try SweepAudit(sandbox, "out")
                try await sandbox.succeed("check", "out")
                let path = try #require(before.rows[3].image)
                var bytes = try Data(contentsOf: URL(filePath: sandbox.file("out/\(path)")))
                bytes[bytes.count / 2] ^= 0x40
                try sandbox.write("out/\(path)", bytes)

                let found = try await sandbox.run("check", "out")
                #expect(found.code == 1)
                #expect(found.output.contains(path) && found.output.contains("tmdne check --repair out"))
                let repaired = try await sandbox.run("check", "out", "--repair", "--json")
                #expect(repaired.code == 2)
                #expect(repaired.output.contains(#""kind" : "damaged""#) && repaired.output.contains(path))
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out", "--cache", "cache")
                let after = try SweepAudit(sandbox, "out")
                try await after.expectWhole(Self.sweep)
                #expect(after.images == before.images)
                try await sandbox.succeed("check", "out")
                Soak.record(
                    "flipped byte in an image", injectedBy: "overwritten file", runs: 1, "found, rendered again")
            }
        }

        @Test(
            "finished cells that are rendered again are equal, and one that is not is named with its worker",
            .timeLimit(.minutes(1)))
        func verified() async throws {
            try await Self.finished { sandbox in
                let fine = try await sandbox.succeed("verify", "out", "--sample", "50%")
                #expect(fine.contains("5 cells rendered again: 5 equal, 0 alike, 0 different."))
                let row = try #require(try SweepAudit(sandbox, "out").rows.last)
                let path = "out/\(try #require(row.image))"
                let bytes = Array(try Data(contentsOf: URL(filePath: sandbox.file(path))))
                let (image, texts) = try PNGImage.decode(bytes, maximumPixels: 1 << 20)
                var pixels = image.pixels
                pixels[100] ^= 1
                let other = try PNGImage(width: image.width, height: image.height, pixels: pixels)
                try sandbox.write(path, Data(other.encode(texts: texts)))
                let found = try await sandbox.run("verify", "out")
                #expect(found.code == 2)
                #expect(found.output.contains("DIFFERS  position \(row.position)"), "\(found.output)")
                #expect(found.output.contains("from \(try #require(row.worker)) on cpu"))
                for sample in ["0", "-1", "0%", "101%", "some"] {
                    #expect(try await sandbox.run("verify", "out", "--sample", sample).code == 64)
                }
            }
        }

        @Test(
            "images of another instruction set are alike, and one that is not is named", .timeLimit(.minutes(1)))
        func verifiedElsewhere() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let plain = ["ONEDNN_MAX_CPU_ISA": "SSE41"]
                let made = try await sandbox.run("run", "sweep.yaml", "--output", "out", environment: plain)
                try #require(made.code == 0, "\(made.complaints)")
                let alike = try await sandbox.succeed("verify", "out")
                // Some may happen to be equal.
                #expect(alike.contains("alike, 0 different.") && !alike.contains(" 0 alike"), "\(alike)")
                let row = try #require(try SweepAudit(sandbox, "out").rows.last)
                let path = "out/\(try #require(row.image))"
                let bytes = Array(try Data(contentsOf: URL(filePath: sandbox.file(path))))
                let (image, texts) = try PNGImage.decode(bytes, maximumPixels: 1 << 20)
                // Four levels of 255 in every sample are 36 dB, and 40 are wanted.
                let pixels = image.pixels.map { $0 ^ 4 }
                let other = try PNGImage(width: image.width, height: image.height, pixels: pixels)
                try sandbox.write(path, Data(other.encode(texts: texts)))
                let found = try await sandbox.run("verify", "out")
                #expect(found.code == 2 && found.output.contains("alike, 1 different."), "\(found.output)")
            }
        }

        @Test(
            "finished cells are rendered again by another worker than their own, and what differs names both",
            .timeLimit(.minutes(2)))
        func verifiedByOthers() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let maker = try sandbox.start("worker", token, "--name", "ada", "--cache", "cache-ada")
                let codes = [try await coordinator.end(), try await maker.end()]
                #expect(codes == [0, 0])
                let row = try #require(try SweepAudit(sandbox, "out").rows.last)
                let path = "out/\(try #require(row.image))"
                let whole = Array(try Data(contentsOf: URL(filePath: sandbox.file(path))))
                let (image, texts) = try PNGImage.decode(whole, maximumPixels: 1 << 20)
                var pixels = image.pixels
                pixels[100] ^= 1
                let other = try PNGImage(width: image.width, height: image.height, pixels: pixels).encode(texts: texts)
                for bytes in [whole, other] {
                    try sandbox.write(path, Data(bytes))
                    let verify = try sandbox.start("verify", "out", "--listen", "127.0.0.1:0", "--json")
                    let line = try await eventually("it invites: \(verify.complaints)") {
                        verify.complaints.split(separator: "\n").first { $0.hasPrefix("tmdne worker tmdne1_") }
                    }
                    let join = String(line.dropFirst("tmdne worker ".count))
                    let emmy = try sandbox.start("worker", join, "--name", "emmy", "--cache", "cache-emmy")
                    // Ada verifies her own images where there is nobody else.
                    try await eventually("emmy is there: \(emmy.complaints)") {
                        emmy.complaints.contains("Joined") || !emmy.isRunning ? () : nil
                    }
                    let workers = [emmy, try sandbox.start("worker", join, "--name", "ada", "--cache", "cache-ada")]
                    let code = try await verify.end(within: .seconds(60))
                    for worker in workers {
                        // Who comes too late finds nobody, and would look for ever.
                        worker.signal(SIGTERM)
                        _ = try await worker.end()
                    }
                    #expect(code == (bytes == whole ? 0 : 2), "\(verify.complaints)")
                    let verdicts = try JSONDecoder().decode([Verdict].self, from: Data(verify.text.utf8))
                    #expect(verdicts.count == Self.sweep.cells)
                    #expect(verdicts.allSatisfy { $0.worker == "ada" })
                    let different = verdicts.filter { $0.outcome != "equal" }
                    #expect(different.map(\.position) == (bytes == whole ? [] : [row.position]))
                    #expect(verdicts.contains { $0.verifier == "emmy" })
                    #expect(sandbox.exists("out/verification") == (bytes != whole))
                }
            }
        }

        /// A line of `verify --json`.
        private struct Verdict: Decodable {
            var position: Int
            var worker: String
            var verifier: String
            var outcome: String
        }

        @Test(
            "a sweep on a medium that nobody can write is looked at as elsewhere",
            .enabled("mounting needs the right to mount") { SmallDisk.canBeMounted }, .timeLimit(.minutes(1)))
        func writeProtected() async throws {
            try await Self.finished { sandbox in
                let before = try await sandbox.succeed("export", "out")
                try await sandbox.shell("mkdir kept")
                let whole = try await Self.said(of: "out", by: ["export", "status", "check"], in: sandbox)
                #expect(whole.contains(before) && whole.contains("All is well."), "\(whole)")
                let database = try DatabaseQueue(path: sandbox.file("out/sweep.db"))
                try await database.writeWithoutTransaction { db in
                    try db.execute(sql: "PRAGMA ignore_check_constraints = ON; UPDATE worker SET done = -1")
                    try db.checkpoint(.truncate)
                }
                try database.close()
                let damaged = try await Self.said(of: "out", by: ["check"], in: sandbox)
                #expect(damaged.contains("CHECK constraint failed in worker"), "\(damaged)")
            }
        }

        /// What commands say of a sweep without a log, on a medium that can't be written.
        private static func said(
            of directory: String, by commands: [String], in sandbox: Sandbox
        ) async throws -> String {
            for name in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: sandbox.file("\(directory)/sweep.db\(name)"))
            }
            let program = try Launched.program()
            return try await sandbox.shell(
                """
                unshare -m --propagation private sh -c '
                    mount --bind \(directory) kept && mount -o remount,bind,ro kept || exit 1
                    for command in \(commands.joined(separator: " ")); do \(program) $command kept; done
                    true
                '
                """)
        }

        @Test("a damaged or cut database is refused, and rebuilt from the images", .timeLimit(.minutes(1)))
        func damagedDatabase() async throws {
            try await Self.finished { sandbox in
                let before = try SweepAudit(sandbox, "out").images
                let whole = try Data(contentsOf: URL(filePath: sandbox.file("out/sweep.db")))
                var damaged = whole
                try #require(whole.count > 9000, "the database is one file once its coordinator has ended")
                damaged.replaceSubrange(5000..<9000, with: Data(repeating: 0xEE, count: 4000))
                // In a table that a start reads nothing of: SQLite itself would not come upon it.
                var hidden = whole
                let start = try Self.place(of: "timing", in: sandbox.file("out/sweep.db"))
                hidden.replaceSubrange(start..<start + 2000, with: Data(repeating: 0xEE, count: 2000))
                for bytes in [damaged, hidden, whole.prefix(whole.count / 2), Data("nonsense".utf8)] {
                    // What a page's connection may have left belongs to another file.
                    for suffix in ["-wal", "-shm"] {
                        try? FileManager.default.removeItem(atPath: sandbox.file("out/sweep.db\(suffix)"))
                    }
                    try sandbox.write("out/sweep.db", bytes)
                    for command in ["resume", "status"] where command == "resume" || bytes.count < 100 {
                        let refused = try await sandbox.run(command, "out")
                        #expect(refused.code == 1)
                        #expect(refused.complaints.contains("sweep.db is damaged"), "\(refused.complaints)")
                        #expect(refused.complaints.contains("tmdne rebuild"))
                    }
                    #expect(
                        try Data(contentsOf: URL(filePath: sandbox.file("out/sweep.db"))) == bytes,
                        "never mended silently")
                    let rebuilt = try await sandbox.succeed("rebuild", "out")
                    #expect(rebuilt.contains("10 of 10 cells have their image"), "\(rebuilt)")
                    #expect(try SweepAudit(sandbox, "out").images == before)
                    try await sandbox.succeed("check", "out")
                }
                let again = try await sandbox.run("rebuild", "out")
                #expect(again.code == 1 && again.complaints.contains("nothing is rebuilt"))
                try FileManager.default.removeItem(atPath: sandbox.file("out/sweep.db"))
                let lost = try await sandbox.run("run", "sweep.yaml", "--output", "out", "--cache", "cache")
                #expect(lost.code == 1 && lost.complaints.contains("run `tmdne rebuild"))
                try await sandbox.succeed("rebuild", "out")
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out", "--cache", "cache")
                Soak.record(
                    "database damaged, cut, replaced, removed", injectedBy: "changed file", runs: 5, "refused, rebuilt")
            }
        }

        /// Where the first page of a table begins in its file.
        private static func place(of table: String, in path: String) throws -> Int {
            let database = try DatabaseQueue(path: path)
            defer { try? database.close() }
            return try database.read { db in
                let page = try Int.fetchOne(
                    db, sql: "SELECT rootpage FROM sqlite_master WHERE name = ?", arguments: [table])
                let size = try Int.fetchOne(db, sql: "PRAGMA page_size")
                return (try #require(page) - 1) * (try #require(size))
            }
        }

        @Test(
            "a busy port leaves no sweep behind, and a directory alone finds the models of its sweep file",
            .timeLimit(.minutes(1)))
        func leftovers() async throws {
            try await Sandbox.with { sandbox in
                let model = EndToEnd.root.appending(path: "Models/tmdne-tiny").path
                try sandbox.write("home/sweep.yaml", SmallSweep(model: "./model").text)
                try FileManager.default.createSymbolicLink(
                    atPath: sandbox.file("home/model"), withDestinationPath: model)
                let (first, token) = try await sandbox.coordinator("home/sweep.yaml", 0, "--output", "out")
                let port = try JoinToken(parsing: token).port
                let busy = try await sandbox.run(
                    "coordinator", "home/sweep.yaml", "--output", "other", "--listen", "127.0.0.1:\(port)")
                #expect(busy.code == 1 && busy.complaints.contains("already in use"))
                let nothing = try await sandbox.run("status", "other")
                #expect(nothing.code == 1 && nothing.complaints.contains("other holds no sweep"))

                first.signal(SIGTERM)
                _ = try await first.end()
                try await sandbox.succeed(
                    "resume", "out", "--listen", "127.0.0.1:0", "--render-here", "--cache", "cache")
                try await SweepAudit(sandbox, "out").expectWhole(cells: 10)
                try FileManager.default.removeItem(atPath: sandbox.file("out/sweep.db"))
                try await sandbox.succeed("rebuild", "out")
            }
        }

        @Test(
            "an older database that is put back under a live worker costs renderings, and nothing else",
            .timeLimit(.minutes(2)))
        func olderDatabase() async throws {
            let sweep = SmallSweep(prompts: ["a", "b", "c", "d"], guidances: 40)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let (first, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let port = try JoinToken(parsing: token).port
                let worker = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                func reach(_ cells: Int) async throws {
                    try await eventually("\(cells) images: \(worker.complaints)") {
                        try SweepAudit(sandbox, "out").done.count >= cells ? () : nil
                    }
                }
                try await reach(10)
                first.signal(SIGSTOP)
                for suffix in ["", "-wal"] {
                    try FileManager.default.copyItem(
                        atPath: sandbox.file("out/sweep.db\(suffix)"), toPath: sandbox.file("copy\(suffix)"))
                }
                first.signal(SIGCONT)
                try await reach(40)
                first.signal(SIGKILL)
                _ = try await first.end()
                for suffix in ["", "-wal", "-shm"] {
                    try? FileManager.default.removeItem(atPath: sandbox.file("out/sweep.db\(suffix)"))
                }
                for suffix in ["", "-wal"] {
                    try FileManager.default.moveItem(
                        atPath: sandbox.file("copy\(suffix)"), toPath: sandbox.file("out/sweep.db\(suffix)"))
                }
                let (second, _) = try await sandbox.coordinator("out", port)
                #expect(try await second.end(within: .seconds(90)) == 0, "\(second.complaints)")
                #expect(try await worker.end() == 0)
                try await SweepAudit(sandbox, "out").expectWhole(sweep)
                try await sandbox.succeed("check", "out")
                Soak.record("older database under a live worker", injectedBy: "restored copy", runs: 1, "whole")
            }
        }
    }
}
