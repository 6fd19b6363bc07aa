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
    private let decoder: VAEDecoder
    private let schedule: NoiseSchedule
    /// Size of the row before, whose buffers fit no other.
    private var lastSize: (width: Int, height: Int)?

    /// Opens the model's weights for `device`, which reads them as they are needed.
    ///
    /// - Parameters:
    ///   - model: where the weights are.
    ///   - device: what computes.
    ///   - memoryBudget: bytes that the process may take; a picture that needs more is refused before it is begun.
    /// - Throws: ``DiffusionError`` when files are missing, damaged or contradict each other, or memory runs out.
    package init(model: any ModelFiles, device: any Device, memoryBudget: Int? = nil) throws {
        self.model = model
        self.memoryBudget = memoryBudget
        config = model.config
        self.device = device
        conditioner = try TextConditioner(model: model, device: device)
        unet = try UNet(config: model.config.unet, weights: try model.unetWeights(), device: device)
        decoder = try VAEDecoder(config: model.config.vae, weights: try model.vaeWeights(), device: device)
        schedule = NoiseSchedule(model.config.scheduler)
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
        if lastSize ?? (0, 0) != (row.width, row.height) {
            try checkBudget(width: row.width, height: row.height, cells: row.guidances.count)
            device.trim()
            lastSize = (row.width, row.height)
        }
        let sampler = try Sampler(row.sampler, schedule: schedule, steps: row.steps)
        // Cells with and without guidance take different batches.
        let batches = isSharing ? batches(of: row) : row.guidances.indices.map { [$0] }
        var shared: SharedWork?
        for indices in batches {
            let work: SharedWork
            if let shared, isSharing {
                work = shared
            } else {
                let sharers = isSharing ? row.guidances.count : 1
                let isGuided = (isSharing ? row.guidances : indices.map { row.guidances[$0] }).contains(
                    where: isGuiding)
                work = try prepare(row, sampler: sampler, isGuided: isGuided, sharers: sharers)
                shared = work
            }
            guard try denoise(indices, of: row, with: work, sampler: sampler, progress: progress, emit: emit) else {
                return
            }
        }
    }

    private func checkBudget(width: Int, height: Int, cells: Int) throws {
        guard let memoryBudget else { return }
        let needed = try model.memory(width: width, height: height, cells: cells).total
        guard needed <= memoryBudget else {
            throw DiffusionError.overBudget(width: width, height: height, needed: needed, budget: memoryBudget)
        }
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

    private func batches(of row: RowRequest) -> [[Int]] {
        let limit = Self.cellsAtOnce(config, width: row.width, height: row.height)
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
    /// What the cells of a row have in common.
    private struct SharedWork {
        /// Negative and positive text; only the positive one without guidance.
        var texts: UNet.Context
        /// The positive text alone, for cells without guidance among cells with it.
        var positive: UNet.Context
        var latentShape: LatentShape
        /// Latents before the first step, and the generator that the steps of ancestral samplers go on with.
        var latents: [Float]
        var generator: TorchGenerator
        /// The first evaluation, for each of ``texts``; none if the UNet reads the guidance, which differs.
        var first: [[Float]]
        /// A cell's part of the seconds spent here.
        var encodeShare: Double
        var firstShare: Double
    }

    private func prepare(_ row: RowRequest, sampler: Sampler, isGuided: Bool, sharers: Int) throws -> SharedWork {
        let clock = SuspendingClock()
        let start = clock.now
        let conditionings = try conditionings(of: row, isGuided: isGuided)
        let texts = try unet.context(of: conditionings)
        let positive = isGuided ? try unet.context(of: conditionings.suffix(1)) : texts
        let encodedAt = clock.now

        let scale = config.vae.upscaling
        let shape = LatentShape(
            channels: config.vae.latentChannels, height: row.height / scale, width: row.width / scale)
        var generator = TorchGenerator(seed: row.seed)
        let latents = generator.normals(shape.count).map { $0 * sampler.initialNoiseScale }
        let first =
            unet.readsGuidance
            ? []
            : try evaluate(
                [[Float]](repeating: latents, count: conditionings.count), shape: shape, step: 0, sampler: sampler,
                context: texts)
        return SharedWork(
            texts: texts, positive: positive, latentShape: shape, latents: latents, generator: generator,
            first: first,
            encodeShare: (encodedAt - start).seconds / Double(sharers),
            firstShare: (clock.now - encodedAt).seconds / Double(sharers))
    }

    /// What the UNet is told: the negative text, if there is guidance, and the positive one.
    private func conditionings(of row: RowRequest, isGuided: Bool) throws -> [Conditioning] {
        let encoded = try conditioner(isGuided ? [row.negativePrompt, row.prompt] : [row.prompt])
        let size = SizeCondition(width: row.width, height: row.height)
        return encoded.enumerated().map { index, text in
            let isBlank = index < encoded.count - 1 && row.negativePrompt.isEmpty && config.zeroesEmptyPrompt
            return (isBlank ? text.blanked : text).sized(size)
        }
    }

    /// Takes a batch of cells through all steps and decodes them.
    ///
    /// - Returns: whether to go on.
    private func denoise(
        _ indices: [Int], of row: RowRequest, with work: SharedWork, sampler: Sampler,
        progress: (RowProgress) -> Bool, emit: (RenderedImage) throws -> Void
    ) throws -> Bool {
        let clock = SuspendingClock()
        var start = clock.now
        let isGuided = indices.contains { isGuiding(row.guidances[$0]) }
        var cells = indices.map { index in
            CellInProgress(
                guidance: Float(row.guidances[index]), latents: work.latents, generator: work.generator,
                state: sampler.makeState())
        }
        let steps = sampler.timesteps.count
        for step in 0..<steps {
            let isShared = step == 0 && !work.first.isEmpty
            let predictions = isShared ? [] : try evaluate(cells, isGuided: isGuided, step: step, sampler, work)
            for cell in cells.indices {
                let positive =
                    isShared ? work.first[work.first.count - 1] : predictions[predictions.count - cells.count + cell]
                let negative = isShared ? work.first[0] : predictions[cell]
                cells[cell].advance(
                    step, sampler: sampler, positive: positive, negative: isGuided ? negative : nil)
            }
            guard progress(RowProgress(indices: indices, step: step + 1, steps: steps)) else { return false }
        }
        let denoise = (clock.now - start).seconds / Double(cells.count) + work.firstShare
        for (index, cell) in zip(indices, cells) {
            start = clock.now
            if Self.isLarge(width: row.width, height: row.height) { device.trim() }
            let shape = work.latentShape
            let picture = try decoder(
                shape.channelsLast(cell.latents), shape: [1, shape.height, shape.width, shape.channels], on: device)
            let pixels = try Self.bytes(try device.download(picture))
            let decode = (clock.now - start).seconds
            let timings = RenderTimings(encode: work.encodeShare, denoise: denoise, decode: decode)
            try emit(
                RenderedImage(index: index, width: row.width, height: row.height, pixels: pixels, timings: timings))
        }
        return true
    }

    private func evaluate(
        _ cells: [CellInProgress], isGuided: Bool, step: Int, _ sampler: Sampler, _ work: SharedWork
    ) throws -> [[Float]] {
        let latents = cells.map(\.latents)
        return try evaluate(
            isGuided ? latents + latents : latents, shape: work.latentShape, step: step, sampler: sampler,
            guidances: unet.readsGuidance ? cells.map(\.guidance) : [],
            context: isGuided ? work.texts : work.positive)
    }

    /// One UNet evaluation of a batch; latents and predictions are `[channel, height, width]` each.
    private func evaluate(
        _ latents: [[Float]], shape: LatentShape, step: Int, sampler: Sampler, guidances: [Float] = [],
        context: UNet.Context
    ) throws -> [[Float]] {
        let scale = sampler.inputScale(at: step)
        let input = try device.upload(
            latents.flatMap { shape.channelsLast($0, scale: scale) },
            shape: [latents.count, shape.height, shape.width, shape.channels])
        let output = try device.download(
            try unet(input, timestep: sampler.timesteps[step], guidances: guidances, context: context))
        return latents.indices.map { shape.channelsFirst(output[($0 * shape.count)..<(($0 + 1) * shape.count)]) }
    }

    /// Rounds a decoded picture, about -1 to 1, to 8 bits, as diffusers does.
    ///
    /// - Throws: ``DiffusionError/notFinite`` when the model has lost itself in infinities.
    private static func bytes(_ values: [Float]) throws -> [UInt8] {
        guard values.allSatisfy(\.isFinite) else { throw DiffusionError.notFinite }
        return values.map { UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven)) }
    }
}
