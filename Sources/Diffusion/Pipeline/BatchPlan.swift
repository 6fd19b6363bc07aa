/// How many cells of a row are rendered together, on how many lanes, and whether previews are made: as far as memory goes.
struct BatchPlan {
    let width: Int
    let height: Int
    /// Cells that would have been rendered together.
    let wanted: Int
    /// Cells that one device takes at once.
    let each: Int
    /// Threads with a device of their own that cells are spread over; with 1 the pipeline's own device does it.
    var lanes = 1
    let hasPreviews: Bool

    /// Cells that are rendered together.
    var cells: Int { min(wanted, each * lanes) }

    /// Most bytes that the lanes take together, beyond which more threads work together on each.
    private static let laneBytes = 2 << 30
    /// What a lane takes beside its device's memory: compiled primitives and gaps of its heap, and of a process's addresses the
    /// stack and the 64 MiB that the C library sets aside for a thread's allocations.
    private static let laneOverhead = 96 << 20

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
        // Gaps between what is kept, as for the weights.
        let most = min(threads, wanted, min(room / 32 * 31, Self.laneBytes) / (need.withoutProgram + Self.laneOverhead))
        guard most > 1 else { return 1 }
        // Fewer lanes, with more threads each, where the last ones would wait for the others' second cell.
        let share = (wanted + most - 1) / most
        return (wanted + share - 1) / share
    }

    /// Whether the lanes are for a batch of so many cells: the pipeline's own device has all threads for a few.
    func usesLanes(for count: Int) -> Bool { lanes > 1 && (count * 2 > lanes || count > each) }
}
