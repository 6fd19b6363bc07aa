/// A network that makes pictures of latents.
protocol PictureDecoder {
    /// Decodes latents `[batch, height, width, channel]` as the sampler leaves them: a picture of about -1 to 1.
    func callAsFunction(_ latents: [Float], shape: [Int], on device: any Device) throws -> Tensor
}

extension VAEConfig {
    /// Builds the decoder of this shape.
    ///
    /// - Throws: ``DiffusionError`` when the weights are not those of the config, or memory runs out.
    func decoder(_ source: LayerSource) throws -> any PictureDecoder {
        guard let counts = tinyBlockCounts else { return try VAEDecoder(config: self, source: source) }
        return try TinyDecoder(config: self, blockCounts: counts, source: source)
    }
}
