/// A file whose decoder is small enough to show images before they are finished: TAESD's.
package struct PreviewModel: Sendable {
    let config: VAEConfig
    private let vae: CheckpointVAE

    /// Opens the file: reads its header.
    ///
    /// - Throws: ``DiffusionError`` when it is damaged, holds no such decoder, or lacks tensors of it.
    package init(path: String) throws {
        let file = try SafetensorsFile(path: path)
        guard let vae = try CheckpointVAE(tiny: file) else {
            let problem =
                CheckpointVAE.isTinyEncoder(file)
                ? "is the encoder of TAESD, and previews are made with the decoder; name the file of that"
                : "holds no decoder of TAESD, which previews are made with; name a file that does"
            throw DiffusionError.unsuitableModel(path: path, problem: problem)
        }
        config = vae.config
        self.vae = vae
        let survey = WeightSurvey()
        _ = try config.decoder(
            LayerSource(device: SurveyDevice(precision: .fp32), weights: weights, survey: survey))
        try survey.report(path: path)
    }

    var weights: WeightSource { WeightSource(views: vae.part.views, path: vae.path) }

    /// Makes sure that the decoder reads the latents of a model.
    ///
    /// - Throws: ``DiffusionError/unsuitableModel(path:problem:)`` when they are of another shape.
    package func check(for model: any ModelFiles) throws {
        guard !fits(model.config.vae) else { return }
        let other = model.config.vae
        let problem =
            "makes previews of latents with \(config.latentChannels) channels at 1/\(config.upscaling) of the size, and "
            + "those of \(model.path) have \(other.latentChannels) at 1/\(other.upscaling); name the decoder that goes "
            + "with the model"
        throw DiffusionError.unsuitableModel(path: vae.path, problem: problem)
    }

    func fits(_ other: VAEConfig) -> Bool {
        config.latentChannels == other.latentChannels && config.upscaling == other.upscaling
    }
}
