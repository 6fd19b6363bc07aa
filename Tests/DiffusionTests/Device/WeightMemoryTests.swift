import Testing

@testable import Diffusion

@Suite("Packed weights stay in memory as far as they may")
struct WeightMemoryTests {
    private let model: ModelFolder
    private let row = RowRequest(
        prompt: "an old man", negativePrompt: "", guidances: [5, 9], seed: 1, steps: 2,
        sampler: SamplerSettings(.euler), width: 64, height: 64)

    init() throws { model = try ModelFolder(path: Golden.model) }

    private func pictures(by pipeline: Pipeline) throws -> [[UInt8]] {
        var pictures: [[UInt8]] = []
        try pipeline.render(row) { pictures.append($0.pixels) }
        return pictures
    }

    @Test("and a picture is the same whether all, some or none of them do", arguments: Precision.allCases)
    func samePictures(precision: Precision) throws {
        let need = try model.memory(width: 64, height: 64, precision: precision, cells: 2)
        let free = try CPUDevice(precision: precision)
        let unbounded = try Pipeline(model: model, device: free, parts: nil)
        let expected = try pictures(by: unbounded)
        #expect(expected.count == 2)
        for budget in [2 * need.total, (need.total + need.least) / 2, need.least] {
            let device = try CPUDevice(precision: precision)
            let pipeline = try Pipeline(model: model, device: device, memoryBudget: budget, parts: nil)
            let found = try pictures(by: pipeline)
            #expect(found == expected)
            let kept = device.weightMemory.kept
            // Weights go with their layers.
            withExtendedLifetime((unbounded, pipeline)) {
                switch budget {
                case 2 * need.total: #expect(kept > 0 && kept == free.weightMemory.kept)
                case need.least: #expect(kept == 0)
                default: #expect(kept > 0 && kept <= budget - need.least)
                }
            }
        }
    }

    @Test("and are let go when they may stay no longer, and with their layers")
    func release() throws {
        let device = try CPUDevice()
        var pipeline: Pipeline? = try Pipeline(model: model, device: device, parts: nil)
        let expected = try pictures(by: try #require(pipeline))
        #expect(device.weightMemory.kept > 1_000_000)
        device.keepWeights(bytes: 1_000_000)
        #expect(device.weightMemory.kept == 0)
        #expect(try pictures(by: try #require(pipeline)) == expected)
        #expect((1...1_000_000).contains(device.weightMemory.kept))
        pipeline = nil
        #expect(device.weightMemory.kept == 0)
    }
}
