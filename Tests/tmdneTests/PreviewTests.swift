import Foundation
import FoundationNetworking
import PNG
import SharedModel
import Testing

extension EndToEnd {
    /// `preview:` in a sweep file.
    @Suite struct PreviewTests {
        private static let decoders = root.appending(path: "Tests/DiffusionTests/Goldens/vae-tiny").path

        @Test("changes no byte of any image, and no cell", .timeLimit(.minutes(2)))
        func sameImages() async throws {
            try await Sandbox.with { sandbox in
                var sweep = SmallSweep(guidances: 3)
                try sandbox.write("sweep.yaml", sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "without")
                sweep.extra = "preview: \(Self.decoders)/taesd_decoder.safetensors"
                try sandbox.write("sweep.yaml", sweep.text)
                try await sandbox.succeed("run", "sweep.yaml", "--output", "with")
                let (without, with) = (try SweepAudit(sandbox, "without"), try SweepAudit(sandbox, "with"))
                try await with.expectWhole(cells: sweep.cells)
                #expect(without.images == with.images)
                // And added to a sweep that is done, it has nothing rendered again.
                let grants = try without.grants()
                let text = try await sandbox.succeed("run", "sweep.yaml", "--output", "without")
                #expect(text.hasPrefix("6 positions, 6 images: all done.\n"))
                #expect(try SweepAudit(sandbox, "without").grants() == grants)
            }
        }

        @Test("shows a picture on the pages while an image is rendered", .timeLimit(.minutes(3)))
        func pages() async throws {
            try await Sandbox.with { sandbox in
                var sweep = SmallSweep(guidances: 1, steps: 400, extra: "size: 512x512")
                sweep.prompts = ["old man"]
                let text = sweep.text + "preview: \(Self.decoders)/taesd_decoder.safetensors\n"
                try sandbox.write("sweep.yaml", text)
                let process = try sandbox.start("run", "sweep.yaml", "--output", "out", "--web", "127.0.0.1:0")
                let address = try await eventually("the pages are served: \(process.complaints)") {
                    (process.text + process.complaints).firstMatch(of: /http:\/\/127\.0\.0\.1:\d+\//)
                        .map { String($0.output) }
                }
                var image: PNGImage?
                for _ in 0..<600 where image == nil {
                    let status = try await Self.get("\(address)api/status")
                    let number = String(decoding: status, as: UTF8.self).firstMatch(of: /"preview":(\d+)/)
                    if let number {
                        // The next one may have come meanwhile, and then this one is gone.
                        let png = try await Self.get("\(address)previews/\(number.output.1)")
                        image = try? PNGImage.decode(Array(png), maximumPixels: 1 << 20).image
                    }
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(image?.width == 128 && image?.height == 128)
            }
        }

        private static func get(_ address: String) async throws -> Data {
            try await URLSession.shared.data(from: try #require(URL(string: address))).0
        }

        @Test(
            "is refused in one sentence before anything is planned",
            arguments: [
                ("nowhere.safetensors", "nowhere.safetensors"),
                ("\(decoders)/taesd_encoder.safetensors", "is the encoder of TAESD"), ("tmdne-tiny", "tmdne-tiny"),
            ])
        func refusals(file: String, words: String) async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep(extra: "preview: \(file)").text)
                for command in ["plan", "run"] {
                    let result = try await sandbox.run(command, "sweep.yaml")
                    #expect(result.code == 1 && result.output == "", "\(result.output)")
                    #expect(result.complaints.contains(words), "\(result.complaints)")
                    #expect(result.complaints.split(separator: "\n").count == 1, "\(result.complaints)")
                }
                let left = try FileManager.default.contentsOfDirectory(atPath: sandbox.path).sorted()
                #expect(left == ["logs", "sweep.yaml"])
            }
        }
    }
}
