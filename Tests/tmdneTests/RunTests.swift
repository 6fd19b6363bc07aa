import Coordinator
import Foundation
import PNG
import SharedModel
import Testing

extension EndToEnd {
    /// `run`, `render` and what they leave behind.
    @Suite struct RunTests {
        @Test("a sweep that is run again renders nothing, and an edited one only what is new", .timeLimit(.minutes(2)))
        func resume() async throws {
            var sweep = SmallSweep()
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out")
                let first = try SweepAudit(sandbox, "out")
                try await first.expectWhole(cells: 10)
                let grants = try first.grants()
                let dates = try Self.dates(of: first)

                let text = try await sandbox.succeed("run", "sweep.yaml", "--output", "out")
                #expect(text.hasPrefix("10 positions, 10 images: all done.\n"))
                let second = try SweepAudit(sandbox, "out")
                #expect(second.rows == first.rows)
                let grantsAgain = try second.grants()
                #expect(grantsAgain == grants, "nothing was granted, so nothing rendered")

                sweep.prompts.insert("woman with glasses", at: 1)
                try sandbox.write("sweep.yaml", sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out")
                let edited = try SweepAudit(sandbox, "out")
                try await edited.expectWhole(cells: 15)
                #expect(edited.rows.map(\.prompt) == sweep.prompts.flatMap { Array(repeating: $0, count: 5) })
                #expect(edited.rows.allSatisfy { $0.attempts == 1 })
                #expect(edited.images.filter { first.images[$0.key] != nil } == first.images)
                let datesNow = try Self.dates(of: edited)
                #expect(datesNow.filter { dates[$0.key] != nil } == dates, "what was done is not written again")
            }
        }

        @Test("a coordinator that is drained as asked ends well, though cells are left", .timeLimit(.minutes(1)))
        func drained() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let (coordinator, _) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                try await sandbox.succeed("drain", "out")
                #expect(try await coordinator.end() == 0)
                #expect(coordinator.text.contains("0 of 10 images are done"), "\(coordinator.text)")
            }
        }

        @Test("a sweep that ends with failed cells says which and why, and ends with 2", .timeLimit(.minutes(1)))
        func failedCells() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                try await sandbox.succeed("simulate", token, "--failures", "1", "--workers", "1", "--duration", "30")
                #expect(try await coordinator.end() == 2)
                let rows = try SweepAudit(sandbox, "out").rows
                #expect(rows.count == 10 && rows.allSatisfy { $0.state == "failed" && $0.reason?.isEmpty == false })
                for row in rows {
                    #expect(coordinator.text.contains("  position \(row.position): \(row.reason ?? "")\n"))
                }
            }
        }

        @Test("a result that could not be written is a failure", .timeLimit(.minutes(1)))
        func fullOutput() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let program = try Launched.program()
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out")
                for command in ["plan sweep.yaml", "export out"] {
                    let said = try await sandbox.shell("'\(program)' \(command) >/dev/full || echo \"code $?\"")
                    #expect(said.contains("the output could not be written: No space left on device"), "\(said)")
                    #expect(said.contains("code 1"))
                }
            }
        }

        @Test("a result waits for room in a pipe that another program made non-blocking", .timeLimit(.minutes(1)))
        func slowReader() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let expected = try await sandbox.succeed("plan", "sweep.yaml")
                try sandbox.write(
                    "reader.py",
                    """
                    import fcntl, os, subprocess, sys, time
                    out, into = os.pipe()
                    fcntl.fcntl(into, fcntl.F_SETFL, os.O_NONBLOCK)
                    filled = 0
                    try:
                        while True: filled += os.write(into, bytes(4096))
                    except BlockingIOError:
                        pass
                    program = subprocess.Popen([sys.argv[1], "plan", "sweep.yaml"], stdout=into)
                    os.close(into)
                    # Until it waits for room, if the kernel says so.
                    deadline = time.monotonic() + 5
                    while time.monotonic() < deadline and "poll" not in open(f"/proc/{program.pid}/wchan").read():
                        time.sleep(0.01)
                    text = bytearray()
                    while piece := os.read(out, 65536): text += piece
                    sys.stdout.write(text[filled:].decode())
                    sys.exit(program.wait())
                    """)
                let said = try await sandbox.shell("python3 reader.py '\(try Launched.program())'")
                #expect(said == expected)
            }
        }

        @Test(
            "cells that are rendered by themselves and cells that share work are the same files",
            .timeLimit(.minutes(2)))
        func noSharing() async throws {
            let sweep = SmallSweep(guidances: 7, steps: 3)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "shared")
                try await sandbox.succeed("run", "sweep.yaml", "--output", "alone", "--no-sharing")
                let (shared, alone) = (try SweepAudit(sandbox, "shared"), try SweepAudit(sandbox, "alone"))
                try await shared.expectWhole(cells: sweep.cells)
                #expect(shared.images == alone.images)
            }
        }

        @Test("one image rendered by itself has the pixels of the sweep's", .timeLimit(.minutes(2)))
        func render() async throws {
            let sweep = SmallSweep(prompts: ["old man"], guidances: 3, extra: "styles: [sai-photographic]")
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out")
                try await sandbox.succeed(
                    "render", "--prompt", "old man", "--style", "sai-photographic", "--guidance", "2", "--seed", "7",
                    "--sampler", "euler", "--steps", "2", "--size", "64x64", "-o", "image.png")
                let row = try #require(try SweepAudit(sandbox, "out").rows.first { $0.guidance == 2 })
                let path = try #require(row.image)
                let (ours, texts) = try Self.decode(sandbox.file("image.png"))
                let (sweeps, _) = try Self.decode(sandbox.file("out/\(path)"))
                #expect(ours == sweeps)
                let chunk = try #require(texts.first { $0.keyword == ImageMetadata.keyword })
                let metadata = try ImageMetadata(json: chunk.text)
                #expect(metadata.key == row.cell)
            }
        }

        private static func decode(_ path: String) throws -> (image: PNGImage, texts: [PNGText]) {
            try PNGImage.decode(Array(try Data(contentsOf: URL(filePath: path))), maximumPixels: 1 << 20)
        }

        private static func dates(of audit: SweepAudit) throws -> [String: Date] {
            try audit.rows.reduce(into: [:]) { dates, row in
                guard let image = row.image else { return }
                let path = audit.directory.url.appending(path: image).path
                dates[image] = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
            }
        }
    }
}
