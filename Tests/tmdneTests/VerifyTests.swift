import Foundation
import PNG
import SharedModel
import Testing

extension EndToEnd {
    /// `verify`, and what `plan` says of prompts that are too long.
    @Suite struct VerifyTests {
        @Test("an image is the same when it is rendered again from what it says of itself", .timeLimit(.minutes(2)))
        func same() async throws {
            try await Sandbox.with { sandbox in
                try await sandbox.succeed(
                    "render", "--prompt", "(old man:1.3) with [glasses|beard]", "--profile", "a1111", "--sampler",
                    "dpmpp-2m-sde", "--schedule", "exponential", "--steps", "4", "--guidance-interval", "0.2-9",
                    "-o", "image.png")
                let text = try await sandbox.succeed("verify", "image.png")
                #expect(text == "image.png: the same pixels\n")
            }
        }

        @Test("oneDNN's limit of instructions holds for the kernels of bfloat16, too", .timeLimit(.minutes(2)))
        func limit() async throws {
            try await Sandbox.with { sandbox in
                let limit = ["ONEDNN_MAX_CPU_ISA": "AVX2"]
                let rendered = try await sandbox.run(
                    "render", "--prompt", "old man", "--steps", "2", "--precision", "bf16", "-o", "image.png",
                    environment: limit)
                #expect(rendered.code == 0)
                let bytes = try Data(contentsOf: URL(filePath: sandbox.file("image.png")))
                let (_, texts) = try PNGImage.decode(Array(bytes), maximumPixels: 1 << 20)
                let metadata = try #require(texts.first { $0.keyword == "tmdne" }).text
                #expect(metadata.contains(#""device":"cpu ("#))
                #expect(!metadata.contains("AVX-512") && !metadata.contains("AMX"), "\(metadata)")
                let again = try await sandbox.run("verify", "image.png", environment: limit)
                #expect(again.output == "image.png: the same pixels\n")
            }
        }

        @Test("an edited image, one of another program and none at all are told apart", .timeLimit(.minutes(2)))
        func different() async throws {
            try await Sandbox.with { sandbox in
                try await sandbox.succeed("render", "--prompt", "old man", "--steps", "2", "-o", "image.png")
                let bytes = try Data(contentsOf: URL(filePath: sandbox.file("image.png")))
                let (image, texts) = try PNGImage.decode(Array(bytes), maximumPixels: 1 << 20)
                var pixels = image.pixels
                pixels[0] = pixels[0] > 100 ? pixels[0] - 40 : pixels[0] + 40
                let edited = try PNGImage(width: image.width, height: image.height, pixels: pixels)
                try sandbox.write("edited.png", Data(edited.encode(texts: texts)))
                try sandbox.write("foreign.png", Data(edited.encode(texts: [])))
                let result = try await sandbox.run("verify", "edited.png", "foreign.png", "missing.png", "image.png")
                #expect(result.code == 1)
                let lines = result.output.split(separator: "\n")
                try #require(lines.count == 4)
                #expect(lines[0].hasPrefix("edited.png: pixels differ by up to 40 of 255 levels, "))
                #expect(lines[1].contains("only images that tmdne rendered can be verified"))
                #expect(lines[2].contains("missing.png cannot be read"))
                #expect(lines[3] == "image.png: the same pixels")
                try await sandbox.succeed("verify", "--tolerance", "40", "edited.png")
            }
        }

        @Test(
            "a model that came from a coordinator is found by its content, and by nothing else",
            .timeLimit(.minutes(2)))
        func travelledModel() async throws {
            try await Sandbox.with { sandbox in
                let model = sandbox.file("far/travelled")
                try FileManager.default.createDirectory(
                    atPath: sandbox.file("far"), withIntermediateDirectories: true)
                try FileManager.default.copyItem(
                    atPath: EndToEnd.root.appending(path: "Models/tmdne-tiny").path, toPath: model)
                // Another model than the one that comes with the program.
                let scheduler = "\(model)/scheduler/scheduler_config.json"
                try sandbox.write(
                    "far/travelled/scheduler/scheduler_config.json",
                    String(contentsOfFile: scheduler, encoding: .utf8) + "\n")
                let fingerprint = try ModelFingerprint.compute(of: model)
                try await sandbox.succeed(
                    "render", "--model", "far/travelled", "--prompt", "old man", "--steps", "2", "-o", "image.png")
                let cache = "home-cache/tmdne/models"
                try FileManager.default.createDirectory(
                    atPath: sandbox.file(cache), withIntermediateDirectories: true)
                try FileManager.default.moveItem(atPath: model, toPath: sandbox.file("\(cache)/\(fingerprint)"))
                #expect(try await sandbox.succeed("verify", "image.png") == "image.png: the same pixels\n")
                // The right name, another content.
                try sandbox.write(
                    "\(cache)/\(fingerprint)/scheduler/scheduler_config.json",
                    String(
                        contentsOfFile: sandbox.file("\(cache)/\(fingerprint)/scheduler/scheduler_config.json"),
                        encoding: .utf8) + "\n")
                let result = try await sandbox.run("verify", "image.png")
                #expect(result.code == 1 && result.output.contains("far/travelled"), "\(result.output)")
                #expect(sandbox.exists("\(cache)/\(fingerprint)"), "looking is not cleaning up")
            }
        }

        @Test("a plan shows what the model does not see of a long prompt", .timeLimit(.minutes(1)))
        func truncation() async throws {
            let prompt = Array(repeating: "old man with glasses", count: 40).joined(separator: " ") + " unseen"
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", "model: tmdne-tiny\nsize: 128x128\nprompts: \(prompt)\n")
                let result = try await sandbox.run("plan", "sweep.yaml")
                #expect(result.code == 0)
                #expect(result.complaints.hasPrefix("warning: the model reads 75 tokens of a prompt, and "))
                #expect(result.complaints.contains("'; shorten it, or set prompt-syntax to a1111 or comfyui"))
                try sandbox.write(
                    "sweep.yaml", "model: tmdne-tiny\nsize: 128x128\nprompt-syntax: a1111\nprompts: \(prompt)\n")
                let quiet = try await sandbox.run("plan", "sweep.yaml")
                #expect(quiet.complaints == "")
            }
        }

        @Test("a single image shows it, too, and is made all the same", .timeLimit(.minutes(1)))
        func truncatedImage() async throws {
            let prompt = Array(repeating: "old man with glasses", count: 20).joined(separator: " ") + " unseen"
            try await Sandbox.with { sandbox in
                let result = try await sandbox.run("render", "--prompt", prompt, "--steps", "1", "-o", "image.png")
                #expect(result.code == 0 && sandbox.exists("image.png"))
                #expect(result.complaints.hasPrefix("warning: the model reads 75 tokens of a prompt, and "))
                #expect(result.complaints.contains("unseen"))
            }
        }
    }
}
