import Foundation
import Testing

@testable import Diffusion

/// Images before they are finished, with the random decoder of `make_tiny_vae.py`.
@Suite("Previews")
struct PreviewTests {
    private let model: ModelFolder
    private let file = "\(Golden.folder)/vae-tiny/taesd_decoder.safetensors"
    private let temporary: TemporaryFolder

    init() throws {
        model = try ModelFolder(path: Golden.model)
        temporary = try TemporaryFolder()
    }

    private func row(cells: Int, steps: Int = 3, sampler: SamplerKind = .heun, size: Int = 64) -> RowRequest {
        RowRequest(
            prompt: "old man", negativePrompt: "bangs", guidances: (0..<cells).map { 5 + Double($0) }, seed: 1,
            steps: steps, sampler: SamplerSettings(sampler), width: size, height: size)
    }

    private func render(
        _ row: RowRequest, with file: String? = nil, budget: Int? = nil
    ) throws -> (images: [Int: [UInt8]], previews: [PreviewPicture]) {
        let device = try CPUDevice()
        let pipeline = try Pipeline(model: model, device: device, memoryBudget: budget)
        pipeline.previews = try file.map { file in
            try PreviewMaker(PreviewModel(path: file), device: device, pace: PreviewPace(pause: .zero, factor: 0))
        }
        var images: [Int: [UInt8]] = [:]
        var pictures: [PreviewPicture] = []
        try pipeline.render(row) { step in
            if let picture = step.preview { pictures.append(picture) }
            return true
        } emit: { image in
            images[image.index] = image.pixels
        }
        return (images, pictures)
    }

    @Test("change no byte of an image", arguments: [(3, 64), (1, 512)])
    func sameImages(cells: Int, size: Int) throws {
        let row = row(cells: cells, steps: 2, sampler: size == 64 ? .eulerAncestral : .ddim, size: size)
        let (without, with) = (try render(row), try render(row, with: file))
        #expect(without.images.count == cells && without.images == with.images)
        #expect(without.previews.isEmpty && !with.previews.isEmpty)
        #expect(with.previews.allSatisfy { ($0.width, $0.height) == (min(size, 128), min(size, 128)) })
    }

    @Test("come after every evaluation but the last, which the image itself follows")
    func evaluations() throws {
        // Heun's method takes two a step, and one for the last.
        let found = try render(row(cells: 2, steps: 4), with: file)
        #expect(found.previews.count == 6)
        #expect(Set(found.previews.map(\.pixels)).count == 6)
    }

    @Test("are left out where memory has room for the image alone, and count where it has room for both")
    func memory() throws {
        // As wide as the real one, which takes more than the small model's own decoder.
        let file = try edited { tensor in
            let shape = tensor.shape.map { $0 == 8 ? 64 : $0 }
            return (tensor.name, shape, Array(repeating: 0.01, count: shape.reduce(1, *)))
        }
        let preview = try PreviewModel(path: file)
        let (size, row) = (256, row(cells: 1, steps: 2, size: 256))
        let alone = try model.memory(width: size, height: size)
        let both = try model.memory(width: size, height: size, preview: preview)
        #expect(both.least > alone.least && both.total > alone.total && both.weights > alone.weights)
        let tight = try render(row, with: file, budget: both.least - 1)
        let enough = try render(row, with: file, budget: both.least)
        #expect(tight.previews.isEmpty && !enough.previews.isEmpty)
        #expect(tight.images == enough.images)
    }

    @Test("take the buffers that are foreseen")
    func buffers() throws {
        let (width, preview) = (model.config.contextDim, try PreviewModel(path: file))
        let (device, survey) = (try CPUDevice(), SurveyDevice(precision: .fp32))
        for device in [device, survey] as [any Device] {
            let unet = try UNet(config: model.config.unet, weights: try model.unetWeights(), device: device)
            let decoder = try preview.config.decoder(LayerSource(device: device, weights: preview.weights))
            let text = Conditioning(states: Array(repeating: 0, count: 77 * width), tokenCount: 77)
            let latents = [Float](repeating: 0, count: 4 * 16 * 16)
            _ = try unet(
                try device.upload(latents, shape: [1, 16, 16, 4]), timestep: 1, context: try unet.context(of: [text]))
            _ = try PreviewModel.decode(latents, shape: [1, 16, 16, 4], with: decoder, on: device)
        }
        #expect(device.pooledBytes > 0 && survey.meter.pooledBytes == device.pooledBytes)
    }

    @Test("are made by no file but TAESD's decoder, whole, for latents of the model's shape")
    func refusals() throws {
        let encoder = "\(Golden.folder)/vae-tiny/taesd_encoder.safetensors"
        #expect(
            throws: DiffusionError.unsuitableModel(
                path: encoder,
                problem: "is the encoder of TAESD, and previews are made with the decoder; name the file of that")
        ) { try PreviewModel(path: encoder) }
        let large = "\(Golden.model)/vae/diffusion_pytorch_model.safetensors"
        #expect(
            throws: DiffusionError.unsuitableModel(
                path: large,
                problem: "holds no decoder of TAESD, which previews are made with; name a file that does")
        ) { try PreviewModel(path: large) }
        let lacking = try edited { $0.name == "10.conv.2.bias" ? nil : $0 }
        let error = #expect(throws: DiffusionError.self) { try PreviewModel(path: lacking) }
        #expect(try #require(error).description.contains("1 missing (decoder.layers.9.conv.2.bias)"))
        let wide = try edited { tensor in
            guard tensor.name == "1.weight" else { return tensor }
            return (tensor.name, [8, 8, 3, 3], Array(repeating: 0, count: 8 * 8 * 9))
        }
        let preview = try PreviewModel(path: wide)
        let problem = #expect(throws: DiffusionError.self) { try preview.check(for: model) }
        let sentence = try #require(problem).description
        #expect(sentence.contains("latents with 8 channels at 1/8") && sentence.contains("have 4 at 1/8"))
        // And a worker that is given one makes none with it.
        let device = try CPUDevice()
        let pipeline = try Pipeline(model: model, device: device)
        pipeline.previews = try PreviewMaker(preview, device: device, pace: PreviewPace(pause: .zero, factor: 0))
        var count = 0
        try pipeline.render(row(cells: 1)) { step in
            #expect(step.preview == nil)
            return true
        } emit: { _ in
            count += 1
        }
        #expect(count == 1)
    }

    private typealias Tensor = (name: String, shape: [Int], values: [Float])

    private func edited(_ edit: (Tensor) -> Tensor?) throws -> String {
        let file = try SafetensorsFile(path: file)
        let tensors = try file.names.compactMap { name in
            let shape = try #require(file.shape(of: name))
            return edit((name, shape, try file.floats(name, shape: shape)))
        }
        return try temporary.write(safetensorsBytes(tensors), to: "\(UUID()).safetensors")
    }
}
