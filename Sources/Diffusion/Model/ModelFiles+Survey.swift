/// Memory that rendering takes, in bytes, the program itself included; pages of the model's file that the system may take back
/// at any time are not.
package struct MemoryNeed: Equatable, Sendable {
    /// Weights as they are packed for computing, when the most memory is taken.
    package let weights: Int
    /// With all weights packed in memory, and all buffers kept for the next picture: the fastest way.
    package let total: Int
    /// With weights that are read from the model's file whenever their layer runs, in the precision that they have there, and
    /// buffers that are given back where another network takes over.
    package let least: Int

    /// What another device in the same process takes, its compiled primitives left out.
    var withoutProgram: Int { total - Self.program }

    /// The program with its libraries, 64 MiB before a model is loaded, and what is not counted: compiled primitives, headers,
    /// gaps of the heap. Measured with SD 1.5 at 512x512 were 117 to 142 MiB, whatever the budget.
    fileprivate static let program = 160 << 20
}

extension ModelFiles {
    /// Makes sure that the weights are those of the config, from the files' headers alone.
    ///
    /// - Throws: ``DiffusionError/mismatchedTensors(path:missing:misfits:unused:)`` with the names of all tensors that are
    ///   missing, left over or of another shape, or what ``ModelFiles`` throws when a file is damaged.
    package func check() throws {
        _ = try SurveyedModel(self, precision: .fp32)
    }

    /// What rendering a picture of `width` times `height` pixels with guidance takes.
    ///
    /// Found by running the networks without numbers, in the order in which ``Pipeline`` does; without lanes.
    ///
    /// - Parameters:
    ///   - width: Of the picture, in pixels.
    ///   - height: Of the picture, in pixels.
    ///   - precision: What products are computed in.
    ///   - cells: How many cells are at hand; a batch takes as many of them as ``Pipeline`` would.
    ///   - preview: What shows the picture before it is finished, if anything does.
    /// - Returns: What the weights and the greatest moment of the computation take.
    /// - Throws: as ``check()`` does.
    package func memory(
        width: Int, height: Int, precision: Precision = .fp32, cells: Int = 1, preview: PreviewModel? = nil
    ) throws -> MemoryNeed {
        let batch = 2 * min(cells, BatchPlan.cellsAtOnce(config, width: width, height: height))
        // The picture as floats, once more for rounding, and as bytes.
        let picture = width * height * 3 * (2 * MemoryLayout<Float>.stride + 1)
        let meters = try [true, false].map { keepsAll in
            let model = try SurveyedModel(self, precision: precision, preview: preview)
            model.device.keepWeights(bytes: keepsAll ? .max : 0)
            model.device.keepBuffers(keepsAll)
            try model.render(width: width, height: height, batch: batch)
            return model.device.meter
        }
        let (all, none) = (meters[0], meters[1])
        return MemoryNeed(
            weights: all.peakWeights, total: all.peak + picture + MemoryNeed.program,
            least: none.peak + picture + MemoryNeed.program)
    }
}

/// A model on a ``SurveyDevice``.
private struct SurveyedModel {
    let device: SurveyDevice
    private let config: ModelConfig
    private let textEncoders: [TextEncoder]
    private let unet: UNet
    private let decoder: any PictureDecoder
    /// Of previews.
    private let previewDecoder: (any PictureDecoder)?

    init(_ files: any ModelFiles, precision: Precision, preview: PreviewModel? = nil) throws {
        let device = SurveyDevice(precision: precision)
        self.device = device
        /// Builds one part and tells all that is wrong with it.
        func surveyed<Part>(_ weights: WeightSource, _ build: (LayerSource) throws -> Part) throws -> Part {
            let survey = WeightSurvey()
            let part = try build(LayerSource(device: device, weights: weights, survey: survey))
            try survey.report(path: weights.path)
            return part
        }
        config = files.config
        textEncoders = try zip(files.config.textEncoders, files.textEncoderWeights()).map { config, weights in
            try surveyed(weights) { try TextEncoder(config: config, source: $0) }
        }
        unet = try surveyed(files.unetWeights()) { try UNet(config: files.config.unet, source: $0) }
        decoder = try surveyed(files.vaeWeights()) { try files.config.vae.decoder($0) }
        previewDecoder = try preview.map { preview in
            try surveyed(preview.weights) { try preview.config.decoder($0) }
        }
    }

    /// Encodes two texts, evaluates the UNet, shows the picture if it is shown, and decodes it.
    func render(width: Int, height: Int, batch: Int) throws {
        for (encoder, config) in zip(textEncoders, config.textEncoders) {
            let tokens = [Int32](repeating: 0, count: config.positionCount)
            _ = try encoder([tokens, tokens])
        }
        let length = config.textEncoders.first?.positionCount ?? 0
        let text = Conditioning(
            states: Array(repeating: 0, count: length * config.contextDim), tokenCount: length,
            pooled: Array(repeating: 0, count: config.unet.addedCondition?.pooledDim ?? 0))
        let context = try unet.context(of: [text, text])
        let shape = [batch, height / config.vae.upscaling, width / config.vae.upscaling, config.vae.latentChannels]
        _ = try unet(
            device.upload([], shape: shape), timestep: 500,
            guidances: unet.readsGuidance ? Array(repeating: 1, count: batch) : [], context: context)
        let latents = [Float](repeating: 0, count: shape.dropFirst().reduce(1, *))
        if let previewDecoder {
            _ = try PreviewModel.decode(
                latents, shape: [1] + shape.dropFirst(), with: previewDecoder, on: device)
        }
        device.changeNetwork()
        _ = try decoder(latents, shape: [1] + shape.dropFirst(), on: device)
    }
}
