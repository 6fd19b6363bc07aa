import Foundation
import Testing

extension EndToEnd {
    /// `model inspect` on files as people have them; the models are those that the engine is compared on.
    @Suite struct InspectTests {
        private static let models = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../DiffusionTests/Goldens/single-files").standardized.path

        @Test("a checkpoint in one file is told by its parts", .timeLimit(.minutes(1)))
        func singleFile() async throws {
            try await Sandbox.with { sandbox in
                let text = try await sandbox.succeed("model", "inspect", "\(Self.models)/sdxl.safetensors")
                #expect(text.contains("Stable Diffusion XL in a single file, predicts epsilon"))
                #expect(text.contains("text encoder 2: ") && text.contains(" parameters, F16, "))
                #expect(text.contains("no VAE: name the file of one under vae:"))
                let own = try await sandbox.succeed("model", "inspect", "\(Self.models)/sd1.safetensors")
                #expect(own.contains("  VAE: ") && own.contains(" MiB to render 512x512"))
            }
        }

        @Test("every tensor that does not fit is named, and the error quotes some of them", .timeLimit(.minutes(1)))
        func misfits() async throws {
            try await Sandbox.with { sandbox in
                var bytes = try Data(contentsOf: URL(filePath: "\(Self.models)/sd1.safetensors"))
                for name in ["out.2.bias", "time_embed.0.bias", "out.0.bias", "out.0.weight"] {
                    let place = try #require(bytes.range(of: Data("\"model.diffusion_model.\(name)\"".utf8)))
                    bytes[place.lowerBound + 1] = UInt8(ascii: "x")
                }
                // Under such a name a tensor is no part of the model.
                try sandbox.write("damaged.safetensors", bytes)
                let result = try await sandbox.run("model", "inspect", "./damaged.safetensors")
                #expect(result.code == 1)
                let lines = result.complaints.split(separator: "\n")
                #expect(lines.filter { $0.hasPrefix("missing: ") }.count == 4)
                #expect(lines.contains("missing: conv_norm_out.weight"))
                #expect(lines.last?.contains("does not hold what its other tensors ask for: 4 missing (") == true)
                #expect(lines.last?.hasSuffix("; download it again.") == true)
            }
        }
    }
}
