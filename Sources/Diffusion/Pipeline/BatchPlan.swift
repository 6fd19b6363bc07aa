/// How many cells of a row are rendered together, on how many lanes, and whether previews are made: as far as memory goes.
struct BatchPlan {
    let width: Int
    let height: Int
    /// Cells that would have been rendered together.
    let wanted: Int
    /// Cells that are.
    var cells: Int
    /// Threads, each with a device of its own, that these are spread over; one is the pipeline's own.
    var lanes: Int
    let hasPreviews: Bool

    /// Most bytes that the lanes take together, beyond which more threads work together on each.
    private static let laneBytes = 1 << 30

    /// Cells of a lane: as many as keep the widest activations within what a core's caches hold about.
    static func cellsAtOnce(_ config: ModelConfig, width: Int, height: Int) -> Int {
        let scale = config.vae.upscaling
        let floats = 2 * (width / scale) * (height / scale) * config.unet.blockOutChannels[0]
        return max(1, batchFloats / max(floats, 1))
    }

    private static let batchFloats = 1 << 18

    /// Cells of a row of `count` that there would be room for in caches: many enough for several lanes only where one has
    /// room for more than one cell, because lanes are for small networks.
    static func wanted(_ count: Int, each: Int, threads: Int) -> Int {
        min(count, each > 1 ? each * threads : 1)
    }

    /// How many lanes there is room for: as many as there are threads and cells.
    ///
    /// - Parameters:
    ///   - threads: Those of the pipeline's device, which the lanes share.
    ///   - need: What one lane takes, the program included.
    ///   - room: Bytes that may be taken beside what the pipeline takes without lanes.
    /// - Returns: 1 where the pipeline does better alone.
    func lanes(threads: Int, need: MemoryNeed, room: Int) -> Int {
        let most = min(threads, wanted, min(room, Self.laneBytes) / max(need.withoutProgram, 1))
        return most < 2 ? 1 : most
    }
}
