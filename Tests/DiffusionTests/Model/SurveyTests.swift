import Foundation
import Testing

@testable import Diffusion

@Suite("A model is surveyed before it is loaded")
struct SurveyTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test(
        "and sound ones of every family pass", arguments: ["random-sd15", "random-linear", "family-sd2", "family-sdxl"])
    func sound(name: String) throws {
        try ModelFolder(path: "\(Golden.folder)/\(name)").check()
    }

    @Test("and all tensors that do not fit the config are named at once")
    func misfits() throws {
        try folder.copy(Golden.model)
        let path = "\(folder.path)/tmdne-tiny"
        try folder.copyJSON(
            "\(path)/unet/config.json", to: "tmdne-tiny/unet/config.json",
            edits: ["transformer_layers_per_block": "[1, 2, 1]", "conv_out_kernel": "1"])
        let model = try ModelFolder(path: path)
        let error = #expect(throws: DiffusionError.self) { try model.check() }
        guard case .mismatchedTensors(let place, let missing, let misfits, let unused) = try #require(error) else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(place == "\(path)/unet")
        #expect(missing.contains("down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q.weight"))
        #expect(missing.contains("up_blocks.1.attentions.1.transformer_blocks.1.ff.net.2.bias"))
        #expect(misfits == ["conv_out.weight: [4, 64, 3, 3] instead of [4, 64, 1, 1]"])
        #expect(unused.isEmpty)
        let text = try #require(error).description
        #expect(text.contains("1 of another shape or type (conv_out.weight: [4, 64, 3, 3] instead of [4, 64, 1, 1])"))
    }

    @Test("and tensors that the config does not use are named")
    func unused() throws {
        try folder.copy(Golden.model)
        let path = "\(folder.path)/tmdne-tiny"
        try folder.copyJSON(
            "\(path)/vae/config.json", to: "tmdne-tiny/vae/config.json", edits: ["mid_block_add_attention": "false"])
        let model = try ModelFolder(path: path)
        let error = #expect(throws: DiffusionError.self) { try model.check() }
        guard case .mismatchedTensors(_, let missing, let misfits, let unused) = try #require(error) else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(missing.isEmpty && misfits.isEmpty)
        #expect(unused.contains { $0.hasPrefix("decoder.mid_block.attentions.0.") })
    }

    @Test(
        "and the memory that it counts is that of the processor's buffers, byte by byte",
        arguments: [("\(Golden.folder)/random-sd15", 64), (Golden.model, 128), (Golden.model, 512)], Precision.allCases)
    func buffers(of picture: (path: String, size: Int), precision: Precision) throws {
        let (path, size) = picture
        let model = try ModelFolder(path: path)
        let width = model.config.contextDim
        let (device, survey) = (try CPUDevice(precision: precision), SurveyDevice(precision: precision))
        for device in [device, survey] as [any Device] {
            let unet = try UNet(config: model.config.unet, weights: try model.unetWeights(), device: device)
            let decoder = try VAEDecoder(config: model.config.vae, weights: try model.vaeWeights(), device: device)
            let text = Conditioning(states: Array(repeating: 0, count: 77 * width), tokenCount: 77)
            let latents = [Float](repeating: 0, count: 4 * size * size / 64)
            _ = try unet(
                try device.upload(latents, shape: [1, size / 8, size / 8, 4]), timestep: 1,
                context: try unet.context(of: [text]))
            _ = try decoder(latents, shape: [1, size / 8, size / 8, 4], on: device)
        }
        #expect(device.pooledBytes > 0 && survey.meter.pooledBytes == device.pooledBytes)
    }

    @Test("and what it takes grows with the picture and with the cells at once")
    func growth() throws {
        let model = try ModelFolder(path: Golden.model)
        let small = try model.memory(width: 64, height: 64)
        let batch = try model.memory(width: 64, height: 64, cells: 14)
        let large = try model.memory(width: 512, height: 512)
        let narrow = try model.memory(width: 64, height: 64, precision: .bf16)
        #expect(narrow.weights < small.weights && narrow.total < small.total)
        #expect(small.total < batch.total && batch.total < large.total)
        #expect(small.least < small.total && large.least < large.total)
        // UNet, decoder and the small text encoder stay packed in single precision.
        #expect(small.weights == large.weights && (20_000_000..<100_000_000).contains(small.weights))
    }

    @Test("and a picture beyond the budget is refused with both numbers before anything is read")
    func budget() throws {
        let model = try ModelFolder(path: Golden.model)
        let needed = try model.memory(width: 256, height: 256).least
        let row = RowRequest(
            prompt: "a", negativePrompt: "", guidances: [5], seed: 1, steps: 1, sampler: SamplerSettings(.euler),
            width: 256, height: 256
        )
        let tight = try Pipeline(model: model, device: try CPUDevice(), memoryBudget: needed - 1, parts: nil)
        #expect(
            throws: DiffusionError.overBudget(width: 256, height: 256, needed: needed, budget: needed - 1)
        ) { try tight.render(row) { _ in } }
        let enough = try Pipeline(model: model, device: try CPUDevice(), memoryBudget: needed, parts: nil)
        var count = 0
        try enough.render(row) { _ in count += 1 }
        #expect(count == 1)
    }

    /// The largest of the peaks of memory that a device counted for rows of so many cells, one after the other.
    private func bufferBytes(ofRows counts: [Int], budget: Int?, width: Int = 64) throws -> [Int] {
        let device = try CPUDevice()
        let pipeline = try Pipeline(
            model: ModelFolder(path: Golden.model), device: device, memoryBudget: budget, parts: nil)
        return try counts.map { count in
            let row = RowRequest(
                prompt: "a", negativePrompt: "", guidances: (0..<count).map { 5 + Double($0) }, seed: 1, steps: 2,
                sampler: SamplerSettings(.euler), width: width, height: width)
            var emitted = 0
            try pipeline.render(row) { _ in emitted += 1 }
            #expect(emitted == count)
            return device.peakPooledBytes
        }
    }

    @Test("and a later row with more cells takes no more at once than was planned for it")
    func laterRow() throws {
        let model = try ModelFolder(path: Golden.model)
        let needs = try [1, 2, 4, 8].map { try model.memory(width: 64, height: 64, cells: $0).least }
        #expect(needs == needs.sorted() && needs[0] < needs[3])
        let free = try bufferBytes(ofRows: [1, 8], budget: nil)
        #expect(free[0] < free[1])
        // Room for one cell at a time, whatever comes; for four; for all eight, which are planned for when they come. What the
        // UNet leaves is given back before the decoder runs, which takes more than the UNet for two cells.
        let tight = try bufferBytes(ofRows: [1, 8, 8], budget: needs[0])
        #expect(tight == [tight[0], tight[0], tight[0]] && tight[0] < free[0])
        let fours = try bufferBytes(ofRows: [1, 8], budget: needs[2])
        #expect(fours[0] == tight[0] && fours[1] > tight[0])
        let all = try bufferBytes(ofRows: [1, 8], budget: needs[3])
        #expect(all[0] == tight[0] && all[1] > fours[1] && all[1] <= free[1])
    }
}
