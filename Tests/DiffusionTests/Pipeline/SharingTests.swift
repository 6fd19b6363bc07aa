import Diffusion
import Testing

@Suite struct SharingTests {
    @Test(
        "sharing work between cells changes no byte",
        arguments: [SamplerKind.ddim, .euler, .eulerAncestral, .dpmpp2m, .dpmppSDE, .pndm])
    func sharingIsExact(sampler: SamplerKind) throws {
        // One of them in bfloat16, too.
        for precision in sampler == .dpmpp2m ? Precision.allCases : [.fp32] {
            try sharingIsExact(sampler: sampler, precision: precision)
        }
    }

    private func sharingIsExact(sampler: SamplerKind, precision: Precision) throws {
        let pipeline = try Pipeline(
            model: try ModelFolder(path: Golden.model), device: try CPUDevice(precision: precision))
        // Without guidance, with a little, and enough of them for a batch that is not full.
        let row = RowRequest(
            prompt: "old man with glasses", negativePrompt: "bangs curls",
            guidances: [5, 0, 7.5, 1, 18.5, 1.5, 9, 10, 11, 12, 13], seed: 1, steps: 4,
            sampler: SamplerSettings(sampler), width: 136,
            height: 128)
        var shared: [Int: [UInt8]] = [:]
        var alone: [Int: [UInt8]] = [:]
        try pipeline.render(row) { shared[$0.index] = $0.pixels }
        try pipeline.render(row, isSharing: false) { alone[$0.index] = $0.pixels }
        #expect(shared.count == row.guidances.count)
        #expect(shared == alone)
        #expect(Set(shared.values).count == row.guidances.count - 1, "only 0 and 1 are the same picture")
    }

    @Test("a limited guidance interval shares its unguided beginning, and changes no byte by that")
    func sharedPrefix() throws {
        let pipeline = try Pipeline(model: try ModelFolder(path: Golden.model), device: try CPUDevice())
        var row = RowRequest(
            prompt: "old man with glasses", negativePrompt: "bangs curls", guidances: [5, 7.5, 1, 18.5], seed: 1,
            steps: 6, sampler: SamplerSettings(.heun), width: 128, height: 128)
        row.options.guidanceInterval = 0.5...3
        row.options.guidanceRescale = 0.5
        var shared: [Int: [UInt8]] = [:]
        var alone: [Int: [UInt8]] = [:]
        var full: [Int: [UInt8]] = [:]
        var steps: [Int] = []
        try pipeline.render(
            row,
            progress: {
                steps.append($0.step)
                return true
            }, emit: { shared[$0.index] = $0.pixels })
        try pipeline.render(row, isSharing: false) { alone[$0.index] = $0.pixels }
        row.options.guidanceInterval = nil
        try pipeline.render(row) { full[$0.index] = $0.pixels }
        #expect(shared == alone)
        #expect(shared[0] != full[0] && shared[2] == full[2])
        #expect(steps.allSatisfy { (0...6).contains($0) } && steps.last == 6)
    }

    @Test("a row stops when its progress says so")
    func stops() throws {
        let pipeline = try Pipeline(model: try ModelFolder(path: Golden.model), device: try CPUDevice())
        let row = RowRequest(
            prompt: "old man", negativePrompt: "", guidances: [5], seed: 1, steps: 4, sampler: SamplerSettings(.ddim),
            width: 128,
            height: 128)
        var steps: [Int] = []
        try pipeline.render(
            row,
            progress: {
                steps.append($0.step)
                return $0.step < 2
            }, emit: { _ in Issue.record("a stopped row has no picture") })
        #expect(steps == [1, 2])
    }
}
