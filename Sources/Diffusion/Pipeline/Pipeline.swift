/// A loaded model that renders rows of cells.
///
/// What the cells of a row have in common is computed once: the text's encoding, its keys and values for every
/// cross-attention, and the first UNet evaluation, whose input does not know the guidance yet. Several cells go through the
/// UNet as one batch while their activations are small. None of this changes a bit of any picture, because a device's
/// numbers do not depend on the batch.
///
/// Belongs to one thread.
package final class Pipeline {
    private let model: any ModelFiles
    private let config: ModelConfig
    private let memoryBudget: Int?
    private let device: any Device
    private let conditioner: TextConditioner
    private let unet: UNet
    private let decoder: any PictureDecoder
    /// What memory was planned for last, whose buffers fit no other size.
    private var batchPlan: BatchPlan?
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
    package init(model: any ModelFiles, device: any Device, memoryBudget: Int? = nil) throws {
        self.model = model
        self.memoryBudget = memoryBudget
        config = model.config
        self.device = device
        conditioner = try TextConditioner(model: model, device: device)
        unet = try UNet(config: model.config.unet, weights: try model.unetWeights(), device: device)
        decoder = try config.vae.decoder(LayerSource(device: device, weights: try model.vaeWeights()))
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
    ///   - emit: gets each image once it is finished, in the order of the guidances as far as batches allow.
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
        // Cells with and without guidance take different batches.
        let batches = isSharing ? batches(of: row, limit: plan.cells) : row.guidances.indices.map { [$0] }
        var shared: SharedWork?
        for indices in batches {
            let work: SharedWork
            if let shared, isSharing {
                work = shared
            } else {
                let sharers = isSharing ? row.guidances.count : 1
                let isGuided = (isSharing ? row.guidances : indices.map { row.guidances[$0] }).contains(
                    where: isGuiding)
                let prepared = try prepare(
                    row, sampler: sampler, isGuided: isGuided, sharers: sharers,
                    progress: { step in
                        progress(RowProgress(indices: indices, step: step, steps: sampler.stepCount))
                    })
                guard let prepared else { return }
                work = prepared
                shared = work
            }
            let goesOn = try denoise(
                indices, of: row, with: work, sampler: sampler, previews: previews, progress: progress, emit: emit)
            guard goesOn else { return }
        }
    }

    /// How many cells of a row go through the UNet together, and whether previews are made: as far as memory goes.
    ///
    /// A row of another size, and one with more cells than any of its size before, is planned for anew.
    private func plan(for row: RowRequest, isSharing: Bool) throws -> BatchPlan {
        let wanted =
            isSharing ? min(row.guidances.count, Self.cellsAtOnce(config, width: row.width, height: row.height)) : 1
        if let known = batchPlan, known.width == row.width, known.height == row.height, known.wanted >= wanted {
            return known
        }
        device.trim()
        batchPlan = nil
        let made = try planMemory(width: row.width, height: row.height, wanted: wanted)
        batchPlan = made
        return made
    }

    /// Keeps as many weights in memory as the budget, and a limit on addresses, have room for beside all else.
    ///
    /// Where room is short there are no previews, and then fewer cells at once.
    private func planMemory(width: Int, height: Int, wanted: Int) throws -> BatchPlan {
        var preview = previews.flatMap { $0.model.fits(config.vae) ? $0.model : nil }
        var cells = wanted
        func plan() -> BatchPlan {
            BatchPlan(width: width, height: height, wanted: wanted, cells: cells, hasPreviews: preview != nil)
        }
        guard let budget = [memoryBudget, AddressSpace.budget].compactMap(\.self).min() else { return plan() }
        func need() throws -> MemoryNeed {
            try model.memory(width: width, height: height, precision: precision, cells: cells, preview: preview)
        }
        var found = try need()
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
        device.keepWeights(bytes: found.total - found.least <= room ? .max : room)
        return plan()
    }

    /// Cells of a batch: as many as keep the widest activations within what a core's caches hold about.
    static func cellsAtOnce(_ config: ModelConfig, width: Int, height: Int) -> Int {
        let scale = config.vae.upscaling
        let floats = 2 * (width / scale) * (height / scale) * config.unet.blockOutChannels[0]
        return max(1, batchFloats / max(floats, 1))
    }

    /// Whether a picture is so large that what the UNet leaves in the device's buffers is given back before it is decoded, and
    /// the other way round: then the time that this takes is nothing beside that of rendering.
    static func isLarge(width: Int, height: Int) -> Bool { width * height >= 512 * 512 }

    private func batches(of row: RowRequest, limit: Int) -> [[Int]] {
        let (guided, plain) = (
            row.guidances.indices.filter { isGuiding(row.guidances[$0]) },
            row.guidances.indices.filter { !isGuiding(row.guidances[$0]) }
        )
        return [guided, plain].flatMap { indices in
            stride(from: 0, to: indices.count, by: limit).map { Array(indices[$0..<min($0 + limit, indices.count)]) }
        }
    }

    private static let batchFloats = 1 << 18

    /// Whether a guidance scale takes a second, negative evaluation in each step.
    private func isGuiding(_ guidance: Double) -> Bool { guidance > 1 && !unet.readsGuidance }
}

extension Pipeline {
    /// What memory was planned for.
    private struct BatchPlan {
        let width: Int
        let height: Int
        /// Cells that would have gone through the UNet together.
        let wanted: Int
        /// Cells that do.
        let cells: Int
        let hasPreviews: Bool
    }

    /// What the cells of a row have in common.
    private struct SharedWork {
        /// What the UNet is told, for the steps up to and without an end.
        var guides: [Guide]
        var latentShape: LatentShape
        /// The evaluation that the cells part at.
        var start: Int
        /// Latents before it, and what the evaluations before it left behind.
        var latents: [Float]
        var state: SamplerState
        var noise: NoiseStream
        /// That evaluation, for each text of its guide; none if the UNet reads the guidance, which differs.
        var first: [[Float]]
        /// A cell's part of the seconds spent here.
        var encodeShare: Double
        var firstShare: Double

        func guide(at step: Int) -> Guide {
            guides.first { step < $0.end } ?? guides[guides.count - 1]
        }
    }

    /// What the UNet is told up to a step.
    private struct Guide {
        let end: Int
        /// Negative and positive text; only the positive one without guidance.
        let texts: UNet.Context
        /// The positive text alone, for evaluations without guidance.
        let positive: UNet.Context
    }

    private func sampler(for row: RowRequest) throws -> Sampler {
        var scheduler = config.scheduler
        if let type = row.options.predictionType { scheduler.predictionType = type }
        if let isZero = row.options.hasZeroTerminalSNR { scheduler.hasZeroTerminalSNR = isZero }
        return try Sampler(
            row.sampler, schedule: NoiseSchedule(scheduler), steps: row.steps, isXL: config.textEncoders.count > 1)
    }

    /// Does what the cells have in common: the texts, the evaluations before guidance begins, and the first one with it.
    ///
    /// - Returns: `nil` if `progress` said to stop.
    private func prepare(
        _ row: RowRequest, sampler: Sampler, isGuided: Bool, sharers: Int, progress: (_ step: Int) -> Bool
    ) throws -> SharedWork? {
        let clock = SuspendingClock()
        let start = clock.now
        let guides = try guides(of: row, isGuided: isGuided)
        let encodedAt = clock.now

        let scale = config.vae.upscaling
        let shape = LatentShape(
            channels: config.vae.latentChannels, height: row.height / scale, width: row.width / scale)
        var noise = sampler.makeNoise(seed: row.seed, source: row.options.noiseSource)
        let latents = noise.normals(shape.count).map { $0 * sampler.initialNoiseScale }
        var work = SharedWork(
            guides: guides, latentShape: shape, start: 0, latents: latents, state: sampler.makeState(), noise: noise,
            first: [], encodeShare: (encodedAt - start).seconds / Double(sharers), firstShare: 0)
        guard !unet.readsGuidance else { return work }
        while work.start < sampler.timesteps.count - 1, !row.options.guides(atSigma: sampler.sigma(at: work.start)) {
            guard try evaluateAlike(&work, sampler: sampler, progress: progress) else { return nil }
        }
        let guide = work.guide(at: sampler.step(of: work.start))
        work.first = try evaluate(
            [[Float]](repeating: work.latents, count: isGuided ? 2 : 1), shape: shape, index: work.start,
            sampler: sampler, context: guide.texts)
        work.firstShare = (clock.now - encodedAt).seconds / Double(sharers)
        return work
    }

    /// An evaluation without guidance, the same for all cells.
    ///
    /// - Returns: whether to go on.
    private func evaluateAlike(
        _ work: inout SharedWork, sampler: Sampler, progress: (_ step: Int) -> Bool
    ) throws -> Bool {
        let guide = work.guide(at: sampler.step(of: work.start))
        let prediction = try evaluate(
            [work.latents], shape: work.latentShape, index: work.start, sampler: sampler, context: guide.positive)[0]
        let fresh = sampler.noise(at: work.start, count: work.latents.count, from: &work.noise)
        sampler.step(work.start, prediction: prediction, noise: fresh, latents: &work.latents, state: &work.state)
        work.start += 1
        return progress(sampler.stepsDone(after: work.start - 1))
    }

    /// What the UNet is told, over the steps: the negative text, if there is guidance, and the positive one.
    private func guides(of row: RowRequest, isGuided: Bool) throws -> [Guide] {
        let size = SizeCondition(width: row.width, height: row.height)
        let options = row.options
        let positive = try conditioner.timeline(of: row.prompt, steps: row.steps, options: options)
        guard isGuided else {
            return try positive.map { part in
                let context = try unet.context(of: [part.conditioning.sized(size)])
                return Guide(end: part.end, texts: context, positive: context)
            }
        }
        var negative = try conditioner.timeline(of: row.negativePrompt, steps: row.steps, options: options)
        if row.negativePrompt.isEmpty, config.zeroesEmptyPrompt, !options.encodesEmptyNegative {
            for index in negative.indices { negative[index].conditioning = negative[index].conditioning.blanked }
        }
        let ends = Set((positive + negative).map(\.end)).sorted()
        return try ends.map { end in
            let pair = [negative, positive].compactMap { timeline in
                timeline.first { $0.end >= end }?.conditioning.sized(size)
            }
            let texts = try unet.context(of: Conditioning.evened(pair))
            return Guide(end: end, texts: texts, positive: try unet.context(of: pair.suffix(1)))
        }
    }

    /// Takes a batch of cells through all steps and decodes them.
    ///
    /// - Returns: whether to go on.
    private func denoise(
        _ indices: [Int], of row: RowRequest, with work: SharedWork, sampler: Sampler, previews: PreviewMaker?,
        progress: (RowProgress) -> Bool, emit: (RenderedImage) throws -> Void
    ) throws -> Bool {
        let clock = SuspendingClock()
        var start = clock.now
        let isGuided = indices.contains { isGuiding(row.guidances[$0]) }
        var noise = work.noise
        var cells = indices.map { index in
            CellInProgress(
                guidance: Float(row.guidances[index]), rescale: row.options.guidanceRescale, latents: work.latents,
                state: work.state)
        }
        for evaluation in work.start..<sampler.timesteps.count {
            let isShared = evaluation == work.start && !work.first.isEmpty
            let guides = isGuided && row.options.guides(atSigma: sampler.sigma(at: evaluation))
            let predictions =
                isShared ? [] : try evaluate(cells, isGuided: guides, index: evaluation, sampler, work)
            let fresh = sampler.noise(at: evaluation, count: work.latents.count, from: &noise)
            // The image itself follows the last evaluation at once.
            let isShown = evaluation + 1 < sampler.timesteps.count && previews?.isDue() == true
            let shown = isShown ? cells[0].latents : []
            var preview: PreviewPicture?
            for cell in cells.indices {
                let positive =
                    isShared ? work.first[work.first.count - 1] : predictions[predictions.count - cells.count + cell]
                let negative = isShared ? work.first[0] : predictions[cell]
                let prediction = cells[cell].advance(
                    evaluation, sampler: sampler, positive: positive, negative: guides ? negative : nil, noise: fresh)
                guard isShown, cell == 0 else { continue }
                let image = sampler.image(at: evaluation, prediction: prediction, latents: shown)
                preview = previews?.picture(image, shape: work.latentShape)
            }
            let done = sampler.stepsDone(after: evaluation)
            let step = RowProgress(indices: indices, step: done, steps: sampler.stepCount, preview: preview)
            guard progress(step) else { return false }
        }
        let denoise = (clock.now - start).seconds / Double(cells.count) + work.firstShare
        for (index, cell) in zip(indices, cells) {
            start = clock.now
            if Self.isLarge(width: row.width, height: row.height) { device.trim() }
            let shape = work.latentShape
            let picture = try decoder(
                shape.channelsLast(cell.latents), shape: [1, shape.height, shape.width, shape.channels], on: device)
            let pixels = try Self.bytes(try device.download(picture), isRounded: row.options.roundsPixels)
            let decode = (clock.now - start).seconds
            let timings = RenderTimings(encode: work.encodeShare, denoise: denoise, decode: decode)
            try emit(
                RenderedImage(index: index, width: row.width, height: row.height, pixels: pixels, timings: timings))
        }
        return true
    }

    private func evaluate(
        _ cells: [CellInProgress], isGuided: Bool, index: Int, _ sampler: Sampler, _ work: SharedWork
    ) throws -> [[Float]] {
        let latents = cells.map(\.latents)
        let guide = work.guide(at: sampler.step(of: index))
        return try evaluate(
            isGuided ? latents + latents : latents, shape: work.latentShape, index: index, sampler: sampler,
            guidances: unet.readsGuidance ? cells.map(\.guidance) : [],
            context: isGuided ? guide.texts : guide.positive)
    }

    /// One UNet evaluation of a batch; latents and predictions are `[channel, height, width]` each.
    private func evaluate(
        _ latents: [[Float]], shape: LatentShape, index: Int, sampler: Sampler, guidances: [Float] = [],
        context: UNet.Context
    ) throws -> [[Float]] {
        let scale = sampler.inputScale(at: index)
        let input = try device.upload(
            latents.flatMap { shape.channelsLast($0, scale: scale) },
            shape: [latents.count, shape.height, shape.width, shape.channels])
        let output = try device.download(
            try unet(input, timestep: sampler.timesteps[index], guidances: guidances, context: context))
        return latents.indices.map { shape.channelsFirst(output[($0 * shape.count)..<(($0 + 1) * shape.count)]) }
    }

    /// Brings a decoded picture, about -1 to 1, to 8 bits: to the nearest as diffusers does, or cut as others do.
    ///
    /// - Throws: ``DiffusionError/notFinite`` when the model has lost itself in infinities.
    private static func bytes(_ values: [Float], isRounded: Bool) throws -> [UInt8] {
        guard values.allSatisfy(\.isFinite) else { throw DiffusionError.notFinite }
        let rule: FloatingPointRoundingRule = isRounded ? .toNearestOrEven : .down
        return values.map { UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded(rule)) }
    }
}
