import Diffusion
import Foundation
import SharedModel
import Testing

@testable import Worker

/// The engine with the embedded model, a few steps at a small size.
@Suite("Rendering with Diffusion", .timeLimit(.minutes(5)))
struct DiffusionEngineTests {
    private static let path = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Models/tmdne-tiny").path

    private static func engine() throws -> DiffusionEngine {
        DiffusionEngine(device: try CPUDevice(), findFile: { name, _ in name }) { _, _ in try ModelFolder(path: path) }
    }

    private static func granted(
        guidance: String, prompt: String = "woman", width: Int = 64, fingerprint: String = "a",
        options: RenderOptions = .init(), files: [String: String] = [:]
    ) throws -> GrantedCell {
        let cell = Cell(
            fingerprint: fingerprint, guidance: try #require(Decimal(string: guidance)), height: 64,
            negativePrompt: "bangs",
            options: options, prompt: prompt, sampler: .dpmpp2mKarras, seed: 52_794_693, steps: 3, width: width)
        return GrantedCell(
            key: cell.key, cell: cell, position: 0, rawPrompt: prompt, rawNegativePrompt: "", style: "none",
            files: files)
    }

    @Test("every cell comes out once, under its own key, and the last group is known as such when it begins")
    func shard() throws {
        let engine = try Self.engine()
        try engine.prepare(model: "tmdne-tiny", for: Self.granted(guidance: "5"))
        // Two rows, the first with cells that batch differently: without guidance and with it.
        let cells = try [
            Self.granted(guidance: "7.5"), Self.granted(guidance: "1"), Self.granted(guidance: "5", prompt: "man"),
            Self.granted(guidance: "12.25"),
        ]
        var reports: [EngineProgress] = []
        var images: [CellKey: [UInt8]] = [:]
        try engine.render(cells) { progress in
            reports.append(progress)
            return true
        } emit: { image in
            #expect(images.updateValue(image.pixels, forKey: image.cell) == nil)
            #expect(image.pixels.count == 64 * 64 * 3)
            #expect(image.denoise > 0)
        }
        #expect(Set(images.keys) == Set(cells.map(\.key)))
        #expect(Set(images.values).count == cells.count)
        let groups = Set(reports.map(\.group))
        #expect(groups == [0, 1, 2])
        #expect(reports.allSatisfy { $0.isLastGroup == ($0.group == 2) })

        // What a cell looks like does not depend on the cells beside it.
        for granted in cells {
            try engine.render([granted], progress: { _ in true }) { #expect(images[granted.key] == $0.pixels) }
        }
    }

    @Test("the first step after a no is not taken")
    func stop() throws {
        let engine = try Self.engine()
        try engine.prepare(model: "tmdne-tiny", for: Self.granted(guidance: "5"))
        var steps = 0
        try engine.render([try Self.granted(guidance: "5"), try Self.granted(guidance: "6", prompt: "man")]) { _ in
            steps += 1
            return false
        } emit: { _ in
            Issue.record("An image was finished.")
        }
        #expect(steps == 1)
    }

    @Test("another model of the same name is refused, and the one that is loaded stays")
    func otherModel() throws {
        let wanted = String(repeating: "b", count: 64)
        let engine = DiffusionEngine(device: try CPUDevice(), findFile: { name, _ in name }) { name, fingerprint in
            if fingerprint == "a" { return try ModelFolder(path: Self.path) }
            return try ModelFolder(path: try ModelLocator().locate(Self.path, fingerprint: fingerprint))
        }
        try engine.prepare(model: "tmdne-tiny", for: Self.granted(guidance: "5"))
        let error = #expect(throws: SharedModelError.self) {
            try engine.prepare(model: "tmdne-tiny", for: Self.granted(guidance: "5", fingerprint: wanted))
        }
        let sentence = "\(try #require(error))"
        #expect(sentence.contains(wanted.prefix(8)) && sentence.contains(Self.path))
        var images = 0
        try engine.render([try Self.granted(guidance: "5")], progress: { _ in true }) { _ in images += 1 }
        #expect(images == 1)
    }

    @Test("a size that the model can't draw is an error, not the end")
    func wrongSize() throws {
        let engine = try Self.engine()
        try engine.prepare(model: "tmdne-tiny", for: Self.granted(guidance: "5"))
        let cell = try Self.granted(guidance: "5", width: 3)
        #expect(throws: (any Error).self) {
            try engine.render([cell], progress: { _ in true }, emit: { _ in })
        }
    }

    @Test("LoRAs and another VAE change the picture, and the plain model comes back after them")
    func loras() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tmdne-lora-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let lora = folder.appending(path: "lora.safetensors").path
        try Self.loraBytes(layer: "conv_in", outputs: 64, inputs: 4, kernel: 3).write(to: URL(filePath: lora))
        let vae = URL(filePath: Self.path).appending(path: "vae/diffusion_pytorch_model.safetensors").path

        let engine = try Self.engine()
        func pixels(_ loras: [String], vae: String? = nil) throws -> [UInt8] {
            var options = RenderOptions()
            options.loras =
                loras.isEmpty ? nil : loras.map { RenderOptions.LoRA(file: "l", weight: Decimal(string: $0) ?? 0) }
            options.vae = vae.map { _ in "v" }
            let cell = try Self.granted(guidance: "1", options: options, files: ["l": lora, "v": vae ?? ""])
            try engine.prepare(model: "tmdne-tiny", for: cell)
            var result: [UInt8] = []
            try engine.render([cell], progress: { _ in true }) { result = $0.pixels }
            return result
        }
        let plain = try pixels([])
        let merged = try pixels(["0.5"])
        #expect(merged != plain)
        #expect(try pixels(["0.25"]) != merged)
        #expect(try pixels([]) == plain)
        // The model's own VAE, by another way.
        #expect(try pixels([], vae: vae) == plain)
    }

    @Test("previews come with the steps, under the first cell's key, and change no byte of the images")
    func previews() throws {
        let decoder = URL(filePath: Self.path).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Tests/DiffusionTests/Goldens/vae-tiny/taesd_decoder.safetensors").path
        let engine = DiffusionEngine(
            device: try CPUDevice(), previewPace: PreviewPace(pause: .zero, factor: 0), findFile: { name, _ in name }
        ) { _, _ in try ModelFolder(path: Self.path) }
        let cells = try ["5", "7.5"].map { try Self.granted(guidance: $0) }
        try engine.prepare(model: "tmdne-tiny", for: cells[0])
        func rendered() throws -> (images: [CellKey: [UInt8]], previews: [Preview]) {
            var (images, previews): ([CellKey: [UInt8]], [Preview]) = ([:], [])
            try engine.render(cells) { step in
                if let preview = step.preview { previews.append(preview) }
                return true
            } emit: {
                images[$0.cell] = $0.pixels
            }
            return (images, previews)
        }
        let plain = try rendered()
        try engine.showPreviews(with: PreviewFile(name: decoder, fingerprint: "d"))
        let shown = try rendered()
        #expect(plain.images.count == 2 && plain.images == shown.images && plain.previews == [])
        #expect(shown.previews.count == 2)
        #expect(shown.previews.allSatisfy { $0.cell == cells[0].key && $0.pixels.count == 3 * 64 * 64 })
        // What can't be had is told once, and the next one counts.
        let missing = PreviewFile(name: "/nowhere.safetensors", fingerprint: "e")
        #expect(throws: DiffusionError.self) { try engine.showPreviews(with: missing) }
        try engine.showPreviews(with: missing)
        #expect(try rendered().previews == [])
        try engine.showPreviews(with: PreviewFile(name: decoder, fingerprint: "d"))
        #expect(try rendered().previews.count == 2)
        try engine.showPreviews(with: nil)
        #expect(try rendered().previews == [])
    }

    @Test("a LoRA that this host does not have is an error of the preparation")
    func missingLoRA() throws {
        var options = RenderOptions()
        options.loras = [RenderOptions.LoRA(file: "l", weight: 1)]
        let cell = try Self.granted(guidance: "1", options: options, files: ["l": "/nowhere.safetensors"])
        #expect(throws: DiffusionError.missingFile(path: "/nowhere.safetensors", remedy: "check the model's path")) {
            try Self.engine().prepare(model: "tmdne-tiny", for: cell)
        }
    }

    /// A LoRA of rank 1 for one layer of the UNet, as a safetensors file.
    private static func loraBytes(layer: String, outputs: Int, inputs: Int, kernel: Int) -> Data {
        let counts = [outputs, inputs * kernel * kernel]
        let header = """
            {"unet.\(layer).lora_B.weight":{"dtype":"F32","shape":[\(outputs),1,1,1],"data_offsets":[0,\(4 * counts[0])]},\
            "unet.\(layer).lora_A.weight":{"dtype":"F32","shape":[1,\(inputs),\(kernel),\(kernel)],\
            "data_offsets":[\(4 * counts[0]),\(4 * (counts[0] + counts[1]))]}}
            """
        var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8)
        for index in 0..<counts[0] + counts[1] {
            withUnsafeBytes(of: Float(index % 7 - 3) / 5) { data.append(contentsOf: $0) }
        }
        return data
    }
}
