/// A loaded model that renders rows of cells.
///
/// What the cells of a row have in common is computed once: the text's encoding, its keys and values for every
/// cross-attention, and the first UNet evaluation, whose input does not know the guidance yet. Several cells go through the
/// UNet as one batch while their activations are small, and the batches of a small model through lanes side by side. None of
/// this changes a bit of any picture, because a device's numbers do not depend on the batch, or on its threads.
///
/// Belongs to one thread.
package final class Pipeline {
    private let model: any ModelFiles
    private let paintingModel: PaintingModel
    private let config: ModelConfig
    private let memoryBudget: Int?
    private let device: any Device
    /// What the lanes compute on; `nil` once they have failed for want of something.
    private var parts: DeviceParts?
    private let conditioner: TextConditioner
    private let painter: Painter
    /// Made for the first batch that has use for them, for pictures of a size.
    private var team: LaneTeam?
    /// What memory was planned for last, whose buffers fit no other size.
    private var batchPlan: BatchPlan?
    private var rowCount = 0
    /// Shows images before they are finished, where it goes with the model and memory has room for it.
    package var previews: PreviewMaker? {
        didSet { if previews !== oldValue { batchPlan = nil } }
    }

    /// Opens the model's weights for `device`, which reads them as they are needed.
    ///
    /// - Parameters:
    ///   - model: where the weights are.
    ///   - device: what computes.
    ///   - memoryBudget: bytes that the process may take, where no limit on its addresses is lower: weights stay in memory as
    ///     far as it allows, and a picture that needs more without any is refused before it is begun.
    /// - Throws: ``DiffusionError`` when files are missing, damaged or contradict each other, or memory runs out.
    package convenience init(model: any ModelFiles, device: any Device, memoryBudget: Int? = nil) throws {
        try self.init(model: model, device: device, memoryBudget: memoryBudget, parts: device.parts)
    }

    /// As ``init(model:device:memoryBudget:)``, with lanes that compute on `parts`.
    init(model: any ModelFiles, device: any Device, memoryBudget: Int? = nil, parts: DeviceParts?) throws {
        self.model = model
        self.memoryBudget = memoryBudget
        config = model.config
        self.device = device
        self.parts = parts
        conditioner = try TextConditioner(model: model, device: device)
        paintingModel = try PaintingModel(model)
        painter = try Painter(paintingModel, device: device)
    }

    /// What renders, for people and metadata: `cpu (AVX-512, 2 threads)`.
    package var deviceLabel: String { device.label }
    package var precision: Precision { device.precision }

    /// Renders the cells of `row`.
    ///
    /// - Parameters:
    ///   - row: what to render.
    ///   - isSharing: `false` renders each cell by itself, to prove that sharing is exact.
    ///   - progress: called after every step; `false` stops the rendering, and nothing more is emitted.
    ///   - emit: gets each image once it is finished, in the order of the guidances as far as batches and lanes allow.
    /// - Throws: ``DiffusionError``, or what `emit` throws.
    package func render(
        _ row: RowRequest, isSharing: Bool = true, progress: (RowProgress) -> Bool = { _ in true },
        emit: (RenderedImage) throws -> Void
    ) throws {
        let scale = config.vae.upscaling
        guard row.width > 0, row.height > 0, row.width.isMultiple(of: scale), row.height.isMultiple(of: scale) else {
            throw DiffusionError.invalidSize(width: row.width, height: row.height, multiple: scale)
        }
        let plan = try plan(for: row, isSharing: isSharing)
        let previews = plan.hasPreviews ? previews : nil
        previews?.begin()
        let sampler = try sampler(for: row)
        defer { painter.endRow() }
        // Cells with and without guidance take different batches.
        let batches = isSharing ? batches(of: row, limit: plan.cells) : row.guidances.indices.map { [$0] }
        var shared: SharedWork?
        for indices in batches {
            var work: SharedWork
            if let shared, isSharing {
                work = shared
            } else {
                let sharers = isSharing ? row.guidances.count : indices.count
                let isGuided = (isSharing ? row.guidances : indices.map { row.guidances[$0] }).contains(
                    where: isGuiding)
                work = try encode(row, sampler: sampler, isGuided: isGuided, sharers: sharers)
                let goesOn = try painter.begin(&work, sharers: sharers) { step in
                    progress(RowProgress(indices: indices, step: step, steps: sampler.stepCount))
                }
                guard goesOn else { return }
                shared = work
            }
            let goesOn = try withoutActuallyEscaping(progress) { progress in
                try withoutActuallyEscaping(emit) { emit in
                    let audience = BatchAudience(
                        indices: indices, work: work, previews: previews, progress: progress, emit: emit)
                    return try paint(indices, with: work, as: plan, for: audience)
                }
            }
            guard goesOn else { return }
        }
    }

    /// Takes a batch of cells from noise to pictures.
    ///
    /// - Returns: Whether to go on.
    private func paint(
        _ indices: [Int], with work: SharedWork, as plan: BatchPlan, for audience: any PaintAudience
    ) throws -> Bool {
        var missing = indices
        if plan.usesLanes(for: indices.count), let parts {
            team =
                team
                ?? LaneTeam(plan.lanes, threads: parts.threads) { [paintingModel] threads in
                    try Painter(paintingModel, device: parts.make(threads))
                }
            switch try team?.paint(indices, with: work, for: audience) {
            case .done: return true
            case .stopped: return false
            case .failed(DiffusionError.notFinite, _): throw DiffusionError.notFinite
            // What there is too little of for several devices may do for one.
            case .failed(_, let cells): missing = cells
            case nil: break
            }
            (team, self.parts, batchPlan) = (nil, nil, nil)
        }
        return try missing.evenParts((missing.count + plan.each - 1) / plan.each).allSatisfy {
            try painter.paint($0, with: work, for: audience)
        }
    }

    /// How many cells of a row are rendered together, and whether previews are made: as far as memory goes.
    ///
    /// A row of another size, and one with more cells than any of its size before, is planned for anew.
    private func plan(for row: RowRequest, isSharing: Bool) throws -> BatchPlan {
        let each = BatchPlan.cellsAtOnce(config, width: row.width, height: row.height)
        let threads = parts?.threads ?? 1
        let wanted = isSharing ? BatchPlan.wanted(row.guidances.count, each: each, threads: threads) : 1
        if let known = batchPlan, known.width == row.width, known.height == row.height, known.wanted >= wanted {
            return known
        }
        team = nil
        device.trim()
        batchPlan = nil
        let made = try planMemory(width: row.width, height: row.height, wanted: wanted, each: each, threads: threads)
        batchPlan = made
        return made
    }

    /// Keeps as many weights in memory as the budget, and a limit on addresses, have room for beside all else.
    ///
    /// Where room is short there are no lanes and no previews, and then fewer cells at once.
    private func planMemory(width: Int, height: Int, wanted: Int, each: Int, threads: Int) throws -> BatchPlan {
        var preview = previews.flatMap { $0.model.fits(config.vae) ? $0.model : nil }
        var cells = min(wanted, each)
        func plan() -> BatchPlan {
            BatchPlan(width: width, height: height, wanted: wanted, each: cells, hasPreviews: preview != nil)
        }
        func need() throws -> MemoryNeed {
            try model.memory(width: width, height: height, precision: precision, cells: cells, preview: preview)
        }
        let budget = [memoryBudget, AddressSpace.budget].compactMap(\.self).min()
        guard budget != nil || (threads > 1 && cells > 1) else { return plan() }
        var found = try need()
        if let budget {
            if found.least > budget, preview != nil {
                preview = nil
                found = try need()
            }
            while found.least > budget, cells > 1 {
                cells /= 2
                found = try need()
            }
            guard found.least <= budget else {
                throw DiffusionError.overBudget(width: width, height: height, needed: found.least, budget: budget)
            }
            // The heap's gaps grow with what is kept: up to 3 % were measured.
            let room = (budget - found.least) / 32 * 31
            let hasRoomForAll = found.total - found.least <= room
            device.keepWeights(bytes: hasRoomForAll ? .max : room)
            device.keepBuffers(hasRoomForAll)
        }
        var made = plan()
        made.lanes = made.lanes(threads: threads, need: found, room: (budget ?? .max) - found.total)
        return made
    }

    /// Batches of about one size.
    private func batches(of row: RowRequest, limit: Int) -> [[Int]] {
        let (guided, plain) = (
            row.guidances.indices.filter { isGuiding(row.guidances[$0]) },
            row.guidances.indices.filter { !isGuiding(row.guidances[$0]) }
        )
        return [guided, plain].flatMap { $0.evenParts(($0.count + limit - 1) / limit) }
    }

    private func isGuiding(_ guidance: Double) -> Bool { SharedWork.isGuiding(guidance, in: config.unet) }
}

extension Pipeline {
    private func sampler(for row: RowRequest) throws -> Sampler {
        var scheduler = config.scheduler
        if let type = row.options.predictionType { scheduler.predictionType = type }
        if let isZero = row.options.hasZeroTerminalSNR { scheduler.hasZeroTerminalSNR = isZero }
        return try Sampler(
            row.sampler, schedule: NoiseSchedule(scheduler), steps: row.steps, isXL: config.textEncoders.count > 1)
    }

    /// Does what the cells have in common up to the first evaluation: the texts, and the noise that all begin with.
    private func encode(_ row: RowRequest, sampler: Sampler, isGuided: Bool, sharers: Int) throws -> SharedWork {
        let start = SuspendingClock.now
        let texts = try texts(of: row, isGuided: isGuided)
        let scale = config.vae.upscaling
        let shape = LatentShape(
            channels: config.vae.latentChannels, height: row.height / scale, width: row.width / scale)
        var noise = sampler.makeNoise(seed: row.seed, source: row.options.noiseSource)
        let latents = noise.normals(shape.count).map { $0 * sampler.initialNoiseScale }
        rowCount += 1
        return SharedWork(
            number: rowCount, row: row, sampler: sampler, texts: texts, latentShape: shape, latents: latents,
            state: sampler.makeState(), noise: noise, encodeShare: (.now - start).seconds / Double(sharers))
    }

    /// What the UNet is told, over the steps: the negative text, if there is guidance, and the positive one.
    private func texts(of row: RowRequest, isGuided: Bool) throws -> [GuideTexts] {
        let size = SizeCondition(width: row.width, height: row.height)
        let options = row.options
        let positive = try conditioner.timeline(of: row.prompt, steps: row.steps, options: options)
        guard isGuided else {
            return positive.map { part in
                let text = part.conditioning.sized(size)
                return GuideTexts(end: part.end, texts: [text], positive: text)
            }
        }
        var negative = try conditioner.timeline(of: row.negativePrompt, steps: row.steps, options: options)
        if row.negativePrompt.isEmpty, config.zeroesEmptyPrompt, !options.encodesEmptyNegative {
            for index in negative.indices { negative[index].conditioning = negative[index].conditioning.blanked }
        }
        let ends = Set((positive + negative).map(\.end)).sorted()
        return ends.map { end in
            let pair = [negative, positive].compactMap { timeline in
                timeline.first { $0.end >= end }?.conditioning.sized(size)
            }
            return GuideTexts(end: end, texts: Conditioning.evened(pair), positive: pair[pair.count - 1])
        }
    }
}

/// What a pipeline's caller hears of a batch.
private struct BatchAudience: PaintAudience {
    let indices: [Int]
    let work: SharedWork
    let previews: PreviewMaker?
    let progress: (RowProgress) -> Bool
    let emit: (RenderedImage) throws -> Void

    func wantsPreview() -> Bool { previews?.isDue() == true }

    func goesOn(after evaluation: Int, showing latents: [Float]?) -> Bool {
        let preview = latents.flatMap { previews?.picture($0, shape: work.latentShape) }
        let (step, steps) = (work.sampler.stepsDone(after: evaluation), work.sampler.stepCount)
        return progress(RowProgress(indices: indices, step: step, steps: steps, preview: preview))
    }

    func take(_ image: RenderedImage) throws { try emit(image) }
}
