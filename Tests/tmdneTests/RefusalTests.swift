import Coordinator
import Foundation
import SharedModel
import Testing

extension EndToEnd {
    /// What bad input gets: one sentence that names the thing and the remedy, the right exit code, nothing half-written.
    @Suite struct RefusalTests {
        /// A line of a sweep file that is wrong, and what the sentence about it must name.
        struct BadLine: CustomTestStringConvertible, Sendable {
            var line: String
            var thing: String
            var remedy: String

            var testDescription: String { line }
        }

        @Test(
            "a sweep file with a mistake is refused before anything is written", .timeLimit(.minutes(1)),
            arguments: [
                BadLine(line: "stepz: 4", thing: "unknown key 'stepz'", remedy: "did you mean 'steps'?"),
                BadLine(
                    line: "guidance: {from: 1, to: 2.2, step: 0.5}", thing: "misses its end 2.2",
                    remedy: "change the step"),
                BadLine(line: "prompts: []", thing: "'prompts' is an empty list", remedy: "give it a value"),
                BadLine(
                    line: "styles: [sai-fotographic]", thing: "no style 'sai-fotographic'",
                    remedy: "did you mean 'sai-photographic'?"),
                BadLine(line: "sampler: eulr", thing: "no sampler 'eulr'", remedy: "did you mean 'euler'?"),
                BadLine(line: "model: nowhere", thing: "there is no 'nowhere'", remedy: "write the path"),
            ])
        func badSweep(_ bad: BadLine) async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep(extra: bad.line).text)
                for command in ["run", "coordinator"] {
                    let refused = try await sandbox.run(command, "sweep.yaml", "--output", "out")
                    Self.expect(refused, code: 1, naming: bad.thing, remedy: bad.remedy)
                }
                #expect(!sandbox.exists("out"))
            }
        }

        /// A way to spoil a copy of the model, and what the sentence about it must name.
        struct BadModel: CustomTestStringConvertible, Sendable {
            var testDescription: String
            var file: String
            var thing: String
            var remedy: String
            /// What becomes of the file's bytes; `nil` removes it.
            var spoil: @Sendable (Data) -> Data?
        }

        private static let weights = "unet/diffusion_pytorch_model.safetensors"

        @Test(
            "a damaged model is refused before anything is written", .timeLimit(.minutes(1)),
            arguments: [
                BadModel(
                    testDescription: "a missing file", file: "vae/config.json", thing: "vae/config.json does not exist",
                    remedy: "check the model's path"
                ) { _ in nil },
                BadModel(
                    testDescription: "missing weights", file: weights, thing: "\(weights) does not exist",
                    remedy: "download"
                ) { _ in nil },
                BadModel(
                    testDescription: "truncated weights", file: weights, thing: "\(weights) is not a sound",
                    remedy: "download or export it again"
                ) { $0.prefix(100_000) },
                BadModel(
                    testDescription: "a header of 2^63 bytes", file: weights, thing: "9223372036854775808 bytes",
                    remedy: "download or export it again"
                ) { _ in Data([0, 0, 0, 0, 0, 0, 0, 0x80]) + Data("{}".utf8) },
                BadModel(
                    testDescription: "a tensor that ends at 2^63", file: weights, thing: "\(weights) is not a sound",
                    remedy: "download or export it again"
                ) { _ in
                    let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775808]}}"#
                    return Data([UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0]) + Data(header.utf8)
                },
                BadModel(
                    testDescription: "a config that contradicts another", file: "unet/config.json",
                    thing: "\"cross_attention_dim\" is 48", remedy: "get the file again"
                ) { replacing(#""cross_attention_dim": 128"#, with: #""cross_attention_dim": 48"#, in: $0) },
                BadModel(
                    testDescription: "a config that contradicts the weights", file: "unet/config.json",
                    thing: "unet does not hold what its config.json asks for: 118 missing",
                    remedy: "check that both belong together"
                ) { replacing(#""layers_per_block": 1"#, with: #""layers_per_block": 2"#, in: $0) },
            ])
        func badModel(_ bad: BadModel) async throws {
            try await Sandbox.with { sandbox in
                try Self.copyModel(to: sandbox, spoiling: bad)
                let refused = try await sandbox.run("run", "sweep.yaml", "--output", "out")
                Self.expect(refused, code: 1, naming: bad.thing, remedy: bad.remedy)
                #expect(!sandbox.exists("out"))
            }
        }

        @Test("a busy port, a directory that is served and one of another sweep are refused", .timeLimit(.minutes(1)))
        func taken() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                try sandbox.write("other.yaml", SmallSweep(name: "other").text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let port = try JoinToken(parsing: token).port
                let address = "127.0.0.1:\(port)"

                let busy = try await sandbox.run(
                    "coordinator", "other.yaml", "--output", "other", "--listen", address)
                Self.expect(busy, code: 1, naming: "\(address) is already in use", remedy: "choose another port")
                let served = try await sandbox.run("coordinator", "out", "--listen", "127.0.0.1:0")
                Self.expect(served, code: 1, naming: "out is already served", remedy: "stop it first")
                coordinator.signal(SIGTERM)
                let code = try await coordinator.end()
                #expect(code == 1, "cells are left")

                let before = try SweepAudit(sandbox, "out").rows
                let foreign = try await sandbox.run("run", "other.yaml", "--output", "out")
                Self.expect(foreign, code: 1, naming: "belongs to the sweep “small”", remedy: "choose another --output")
                #expect(try SweepAudit(sandbox, "out").rows == before)
                // The busy port came before the plan was written: the same command starts it.
                try await sandbox.succeed("run", "other.yaml", "--output", "other")
                try await SweepAudit(sandbox, "other").expectWhole(cells: 10)
            }
        }

        @Test("a wrong token is refused for good, and a mistyped one before a packet is sent", .timeLimit(.minutes(1)))
        func tokens() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                let (coordinator, token) = try await sandbox.coordinator(
                    "sweep.yaml", 0, "--output", "out", "--verbose")
                let right = try JoinToken(parsing: token)
                let wrong = try JoinToken(
                    hosts: right.hosts, port: right.port, secret: JoinSecret(), publicKeyHash: right.publicKeyHash)
                let refused = try await sandbox.run("worker", wrong.text)
                #expect(refused.code == 78)
                let begin = ContinuousClock.now
                #expect(try await sandbox.run("status", wrong.text).code == 78)
                #expect(ContinuousClock.now - begin >= .seconds(1), "who guesses waits")
                let log = coordinator.complaints
                #expect(log.contains("wrong join token") && !log.contains(wrong.secret.base64URL), "\(log)")
                #expect(try await sandbox.run("simulate", wrong.text, "--workers", "1", "--duration", "6").code == 78)
                let sentence = try #require(refused.complaints.split(separator: "\n").last)
                #expect(sentence.hasPrefix("Error: The coordinator refused this worker for good: "))
                for text in [token, wrong.text] { #expect(!refused.complaints.contains(text), "a token is a secret") }

                let strange = try JoinToken(
                    hosts: right.hosts, port: right.port, secret: right.secret,
                    publicKeyHash: Array(repeating: 1, count: 32))
                for command in [["worker"], ["status"], ["simulate", "--workers", "1", "--duration", "6"]] {
                    let distrusting = try sandbox.start(command + [strange.text])
                    #expect(try await distrusting.end() == 78, "\(command)")
                    #expect(distrusting.complaints.contains("another key"), "\(distrusting.complaints)")
                }

                let mistyped = String(token.dropLast()) + (token.hasSuffix("A") ? "B" : "A")
                for text in [mistyped, String(token.dropLast(3)), "hello"] {
                    let refused = try await sandbox.run("worker", text)
                    Self.expect(refused, code: 64, naming: "The join token is not valid", remedy: "copy it again")
                }
            }
        }

        @Test("values that can't be are wrong usage, whatever the directory holds", .timeLimit(.minutes(1)))
        func values() async throws {
            try await Sandbox.with { sandbox in
                for (option, value, thing) in [
                    ("--uses", "0", "--uses can't be “0”"), ("--name", "a/b", "--name can't be “a/b”"),
                    ("--host", "example.org:0", "--host needs the address"),
                    ("--host", "0.0.0.0:7707", "--host needs the address"), ("--host", "", "--host needs the address"),
                ] {
                    let refused = try await sandbox.run("token", "new", "out", option, value)
                    #expect(refused.code == 64 && refused.complaints.contains(thing), "\(refused.complaints)")
                }
                // As a script's unset variable leaves it; here, where a sweep's files could be.
                for command in ["status", "check", "resume", "web"] {
                    #expect(try await sandbox.run(command, "").code == 64, "\(command)")
                }
            }
        }

        @Test("files and directories that are not there are named", .timeLimit(.minutes(1)))
        func missing() async throws {
            try await Sandbox.with { sandbox in
                for command in ["run", "plan", "coordinator"] {
                    let refused = try await sandbox.run(command, "nothing.yaml")
                    Self.expect(refused, code: 1, naming: "nothing.yaml cannot be read", remedy: "check the path")
                }
                for command in ["status", "export", "resume"] {
                    let refused = try await sandbox.run(command, "nothing")
                    Self.expect(refused, code: 1, naming: "nothing holds no sweep.db", remedy: "name the directory")
                }
                let unwritable = try await sandbox.run(
                    "render", "--prompt", "a", "--size", "64x64", "--steps", "1", "-o", "nothing/image.png")
                Self.expect(
                    unwritable, code: 1, naming: "nothing/image.png cannot be written", remedy: "choose another")
                #expect(!sandbox.exists("nothing"))
                let unknown = try await sandbox.run("run", "--frobnicate")
                #expect(unknown.code == 64)
            }
        }

        private static func expect(
            _ refused: Finished, code: Int32, naming thing: String, remedy: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let said = refused.complaints
            #expect(refused.code == code, "\(said)", sourceLocation: sourceLocation)
            #expect(refused.output.isEmpty, sourceLocation: sourceLocation)
            #expect(said.hasPrefix("Error: ") && said.hasSuffix("\n"), "\(said)", sourceLocation: sourceLocation)
            #expect(said.split(separator: "\n").count == 1, "\(said)", sourceLocation: sourceLocation)
            #expect(said.contains(thing), "\(said)", sourceLocation: sourceLocation)
            #expect(said.contains(remedy), "\(said)", sourceLocation: sourceLocation)
        }

        private static func replacing(_ text: String, with other: String, in data: Data) -> Data {
            Data(String(decoding: data, as: UTF8.self).replacing(text, with: other).utf8)
        }

        /// Puts a spoilt copy of the embedded model beside a sweep file that names it.
        private static func copyModel(to sandbox: Sandbox, spoiling bad: BadModel) throws {
            let source = EndToEnd.root.appending(path: "Models/tmdne-tiny").path
            try FileManager.default.copyItem(atPath: source, toPath: sandbox.file("model"))
            let whole = try Data(contentsOf: URL(filePath: sandbox.file("model/\(bad.file)")))
            if let spoilt = bad.spoil(whole) {
                try #require(spoilt != whole)
                try sandbox.write("model/\(bad.file)", spoilt)
            } else {
                try FileManager.default.removeItem(atPath: sandbox.file("model/\(bad.file)"))
            }
            try sandbox.write("sweep.yaml", SmallSweep(model: "./model").text)
        }
    }
}
