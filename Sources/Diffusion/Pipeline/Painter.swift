/// Where a model's painters find it, opened once: what happens to its files afterwards changes no picture.
struct PaintingModel: Sendable {
    let config: ModelConfig
    let unet: WeightSource
    let vae: WeightSource

    init(_ model: any ModelFiles) throws {
        config = model.config
        unet = try model.unetWeights()
        vae = try model.vaeWeights()
    }
}

/// The UNet and the decoder of a model on one device: takes a batch of a row's cells from noise to pictures.
///
/// Belongs to the device's thread.
final class Painter {
    private let config: UNetConfig
    private let device: any Device
    private let unet: UNet
    private let decoder: any PictureDecoder
    /// What the UNet is told in a row, from its first batch to its last.
    private var guides: (row: Int, list: [Guide]) = (-1, [])

    /// Makes the networks on `device`, which reads their weights as they are needed.
    ///
    /// - Throws: ``DiffusionError`` when files are damaged or contradict each other, or memory runs out.
    init(_ model: PaintingModel, device: any Device) throws {
        config = model.config.unet
        self.device = device
        unet = try UNet(config: config, weights: model.unet, device: device)
        decoder = try model.config.vae.decoder(LayerSource(device: device, weights: model.vae))
    }

    /// Lets go of what belongs to a row.
    func endRow() { guides = (-1, []) }

    /// Does the evaluations that all cells of a row have in common: those before guidance begins, and the first one with it.
    ///
    /// - Parameters:
    ///   - work: What is to be completed.
    ///   - sharers: How many cells the time is divided among.
    ///   - progress: Told of every step; says whether to go on.
    /// - Returns: Whether to go on.
    /// - Throws: ``DiffusionError``.
    func begin(_ work: inout SharedWork, sharers: Int, progress: (_ step: Int) throws -> Bool) throws -> Bool {
        guard !unet.readsGuidance else { return true }
        let (start, sampler) = (SuspendingClock.now, work.sampler)
        while work.start < sampler.timesteps.count - 1, !work.row.options.guides(atSigma: sampler.sigma(at: work.start))
        {
            let guide = try guide(at: work.start, of: work)
            let prediction = try evaluate([work.latents], of: work, index: work.start, context: guide.positive)[0]
            let fresh = sampler.noise(at: work.start, count: work.latents.count, from: &work.noise)
            sampler.step(work.start, prediction: prediction, noise: fresh, latents: &work.latents, state: &work.state)
            work.start += 1
            guard try progress(sampler.stepsDone(after: work.start - 1)) else { return false }
        }
        let guide = try guide(at: work.start, of: work)
        let latents = [[Float]](repeating: work.latents, count: guide.textCount)
        work.first = try evaluate(latents, of: work, index: work.start, context: guide.texts)
        work.firstShare = (.now - start).seconds / Double(sharers)
        return true
    }

    /// Takes cells through the steps that are left, and decodes them.
    ///
    /// - Parameters:
    ///   - indices: Which of the row's cells; all with guidance or all without.
    ///   - work: What they have in common.
    ///   - audience: Who is told.
    /// - Returns: Whether to go on.
    /// - Throws: ``DiffusionError``, or what the audience throws.
    func paint(_ indices: [Int], with work: SharedWork, for audience: any PaintAudience) throws -> Bool {
        guard let cells = try denoise(indices, with: work, for: audience) else { return false }
        for cell in cells { try audience.take(try decode(cell, with: work)) }
        return true
    }

    /// Takes cells through the steps that are left.
    ///
    /// - Parameters:
    ///   - indices: Which of the row's cells; all with guidance or all without.
    ///   - work: What they have in common.
    ///   - audience: Who is told.
    ///   - lanes: How many do so at the same time, so that each has this part of the machine's seconds.
    /// - Returns: What is to be decoded; `nil` if the audience does not want to go on.
    /// - Throws: ``DiffusionError``, or what the audience throws.
    func denoise(
        _ indices: [Int], with work: SharedWork, for audience: any PaintAudience, lanes: Int = 1
    ) throws -> [DenoisedCell]? {
        let (row, sampler) = (work.row, work.sampler)
        let start = SuspendingClock.now
        let isGuided = indices.contains { SharedWork.isGuiding(row.guidances[$0], in: config) }
        var noise = work.noise
        var cells = indices.map { index in
            CellInProgress(
                guidance: Float(row.guidances[index]), rescale: row.options.guidanceRescale, latents: work.latents,
                state: work.state)
        }
        for evaluation in work.start..<sampler.timesteps.count {
            let isShared = evaluation == work.start && !work.first.isEmpty
            let guides = isGuided && row.options.guides(atSigma: sampler.sigma(at: evaluation))
            let predictions = isShared ? [] : try evaluate(cells, isGuided: guides, index: evaluation, work)
            let fresh = sampler.noise(at: evaluation, count: work.latents.count, from: &noise)
            // The image itself follows the last evaluation at once.
            let isShown = evaluation + 1 < sampler.timesteps.count && audience.wantsPreview()
            let shown = isShown ? cells[0].latents : []
            var image: [Float]?
            for cell in cells.indices {
                let positive =
                    isShared ? work.first[work.first.count - 1] : predictions[predictions.count - cells.count + cell]
                let negative = isShared ? work.first[0] : predictions[cell]
                let prediction = cells[cell].advance(
                    evaluation, sampler: sampler, positive: positive, negative: guides ? negative : nil, noise: fresh)
                guard isShown, cell == 0 else { continue }
                image = sampler.image(at: evaluation, prediction: prediction, latents: shown)
            }
            guard try audience.goesOn(after: evaluation, showing: image) else { return nil }
        }
        let seconds = work.firstShare + (.now - start).seconds / Double(cells.count * lanes)
        return zip(indices, cells).map { DenoisedCell(index: $0, latents: $1.latents, seconds: seconds) }
    }

    /// Makes a cell's picture of its latents; `lanes` do so at the same time.
    func decode(_ cell: DenoisedCell, with work: SharedWork, lanes: Int = 1) throws -> RenderedImage {
        let (start, row, shape) = (SuspendingClock.now, work.row, work.latentShape)
        device.changeNetwork()
        defer { device.changeNetwork() }
        let picture = try decoder(
            shape.channelsLast(cell.latents), shape: [1, shape.height, shape.width, shape.channels], on: device)
        let pixels = try Self.bytes(try device.download(picture), isRounded: row.options.roundsPixels)
        let timings = RenderTimings(
            encode: work.encodeShare, denoise: cell.seconds, decode: (.now - start).seconds / Double(lanes))
        return RenderedImage(index: cell.index, width: row.width, height: row.height, pixels: pixels, timings: timings)
    }

    private func evaluate(
        _ cells: [CellInProgress], isGuided: Bool, index: Int, _ work: SharedWork
    ) throws -> [[Float]] {
        let latents = cells.map(\.latents)
        let guide = try guide(at: index, of: work)
        return try evaluate(
            isGuided ? latents + latents : latents, of: work, index: index,
            guidances: unet.readsGuidance ? cells.map(\.guidance) : [],
            context: isGuided ? guide.texts : guide.positive)
    }

    /// One UNet evaluation of a batch; latents and predictions are `[channel, height, width]` each.
    private func evaluate(
        _ latents: [[Float]], of work: SharedWork, index: Int, guidances: [Float] = [], context: UNet.Context
    ) throws -> [[Float]] {
        let (shape, scale) = (work.latentShape, work.sampler.inputScale(at: index))
        let input = try device.upload(
            latents.flatMap { shape.channelsLast($0, scale: scale) },
            shape: [latents.count, shape.height, shape.width, shape.channels])
        let output = try device.download(
            try unet(input, timestep: work.sampler.timesteps[index], guidances: guidances, context: context))
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

extension Painter {
    /// ``GuideTexts`` on the device.
    private struct Guide {
        let end: Int
        let textCount: Int
        let texts: UNet.Context
        let positive: UNet.Context
    }

    /// What the UNet is told in an evaluation.
    private func guide(at evaluation: Int, of work: SharedWork) throws -> Guide {
        if guides.row != work.number {
            // What the row before was told is let go first.
            guides = (work.number, [])
            guides.list = try work.texts.map { part in
                let texts = try unet.context(of: part.texts)
                let positive = part.texts.count == 1 ? texts : try unet.context(of: [part.positive])
                return Guide(end: part.end, textCount: part.texts.count, texts: texts, positive: positive)
            }
        }
        let step = work.sampler.step(of: evaluation)
        return guides.list.first { step < $0.end } ?? guides.list[guides.list.count - 1]
    }
}
