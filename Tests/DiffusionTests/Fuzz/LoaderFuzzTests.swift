import Foundation
import Testing

@testable import Diffusion

/// Damaged headers through every loader of weights: each is refused with a sentence, or the file is still sound.
///
/// A trap would end the test's process. `TMDNE_FUZZ=200000 scripts/test --filter LoaderFuzz` tries so many for each seed file, a
/// million in all, and watches over the memory that they take.
@Suite("Loaders of damaged files")
struct LoaderFuzzTests {
    /// Files whose headers are small and of every kind.
    enum Seed: String, CaseIterable {
        case checkpoint
        case lora
        case peft
        case tiny
        case vae

        func bytes() throws -> [UInt8] {
            let goldens = Golden.folder
            switch self {
            case .checkpoint:
                var entries = [
                    "model.diffusion_model.input_blocks.0.0.weight",
                    "model.diffusion_model.input_blocks.1.0.in_layers.0.weight",
                    "model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "model.diffusion_model.out.2.weight",
                    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
                    "first_stage_model.decoder.up.0.block.0.norm1.weight", "first_stage_model.decoder.conv_in.weight",
                    "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight",
                    "cond_stage_model.model.transformer.resblocks.0.ln_1.weight",
                    "cond_stage_model.model.token_embedding.weight",
                ].map { (name: $0, shape: [64, 4, 1, 1], values: [Float](repeating: 0, count: 256)) }
                entries.append(
                    (name: "cond_stage_model.model.text_projection", shape: [2, 3], values: [1, 2, 3, 4, 5, 6]))
                return safetensorsBytes(entries)
            case .lora: return try Self.read("\(goldens)/loras/sd15-kohya.safetensors")
            case .peft: return try Self.read("\(goldens)/loras/sd15-tucker.safetensors")
            case .tiny: return try Self.read("\(goldens)/vae-tiny/taesd_decoder.safetensors")
            case .vae: return try Self.read("\(goldens)/vae-plain/diffusion_pytorch_model.safetensors")
            }
        }

        private static func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }
    }

    @Test("never trap, and never open what is not sound", arguments: Seed.allCases)
    func headers(seed: Seed) throws {
        let folder = try TemporaryFolder()
        let bytes = try seed.bytes()
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var mutator = Mutator(seed: UInt64(seed.rawValue.utf8.count))
        var refused = 0
        try Fuzzing.run { _ in
            var damaged = mutator.mutate(Array(bytes[8...]), first: length)
            // Most headers get the length that they have now, so that damage gets past the first check.
            let honest = length + damaged.count + 8 - bytes.count
            let claimed = Int.random(in: 0..<8, using: &mutator) == 0 ? UInt64(mutator.next()) : UInt64(max(honest, 0))
            damaged = withUnsafeBytes(of: claimed.littleEndian) { Array($0) } + damaged
            let path = try folder.write(damaged, to: "model.safetensors")
            if try !Self.opens(path) { refused += 1 }
        }
        // Changes of names and metadata leave a file sound; nearly all others do not.
        #expect(refused > Fuzzing.rounds / 2)
    }

    /// Opens a file in every way and reads what is sound; any other error than ours is a fault.
    private static func opens(_ path: String) throws -> Bool {
        let file: SafetensorsFile
        do throws(DiffusionError) {
            file = try SafetensorsFile(path: path)
        } catch {
            try #require(error.description.hasPrefix(path) && error.description.hasSuffix("."))
            return false
        }
        do throws(DiffusionError) {
            let source = try WeightSource(files: [path], path: path)
            for name in source.names { _ = try source.floats(name, shape: source.shape(of: name) ?? []) }
            _ = source.inventory
        } catch {
            try #require(!error.description.isEmpty)
        }
        do throws(DiffusionError) {
            let model = try Checkpoint(path: path, clipMerges: nil)
            for weights in [model.unetWeights(), try model.vaeWeights()] + model.textEncoderWeights() {
                for name in weights.names { _ = try weights.floats(name, shape: weights.shape(of: name) ?? []) }
            }
        } catch {
            try #require(!error.description.isEmpty)
        }
        do throws(DiffusionError) {
            _ = try LoRASet([(path: path, weight: 1)])
            _ = try CheckpointVAE("", of: file, scalingFactor: 1)
            _ = try CheckpointVAE(tiny: file)
        } catch {
            try #require(!error.description.isEmpty)
        }
        return true
    }

    @Test("name the tensor whose entry does not fit the file")
    func names() throws {
        let folder = try TemporaryFolder()
        let tensors = ["a.weight", "b.weight", "c.bias"]
        for (index, name) in tensors.enumerated() {
            for wrong in ["[3]", "[4294967296,4294967296]", "[0]", "[2,2]"] {
                let entries = tensors.enumerated().map { other, tensor in
                    let shape = other == index ? wrong : "[2]"
                    return
                        #""\#(tensor)":{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(other * 8),\#(other * 8 + 8)]}"#
                }
                let bytes = safetensorsBytes(
                    header: "{\(entries.joined(separator: ","))}", data: Array(repeating: 0, count: 24))
                let path = try folder.write(bytes, to: "model.safetensors")
                let error = #expect(throws: DiffusionError.self) { try SafetensorsFile(path: path) }
                #expect(try #require(error).description.contains("\"\(name)\""))
            }
        }
    }
}
