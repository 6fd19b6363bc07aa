extension ModuleNames {
    /// The autoencoder: `model.py` of <https://github.com/CompVis/latent-diffusion>, whose decoder counts its levels from the
    /// highest resolution, while diffusers counts in the order of computation.
    ///
    /// - Parameters:
    ///   - levelCount: number of resolutions.
    ///   - layersPerBlock: number of residual blocks that a level of the encoder has; the decoder's has one more.
    /// - Returns: the names of all modules.
    static func vae(levelCount: Int, layersPerBlock: Int) -> ModuleNames {
        var pairs: [Pair] = [("quant_conv", "quant_conv"), ("post_quant_conv", "post_quant_conv")]
        for part in ["encoder", "decoder"] {
            pairs += [
                ("conv_in", "conv_in"), ("conv_out", "conv_out"), ("conv_norm_out", "norm_out"),
                ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
                ("mid_block.attentions.0.to_q", "mid.attn_1.q"), ("mid_block.attentions.0.to_k", "mid.attn_1.k"),
                ("mid_block.attentions.0.to_v", "mid.attn_1.v"),
                ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
            ].map { ("\(part).\($0)", "\(part).\($1)") }
            for block in 0...1 {
                pairs += residual("\(part).mid_block.resnets.\(block)", "\(part).mid.block_\(block + 1)")
            }
        }
        for level in 0..<levelCount {
            let (down, up) = ("encoder.down_blocks.\(level)", "decoder.up_blocks.\(levelCount - 1 - level)")
            for layer in 0..<layersPerBlock {
                pairs += residual("\(down).resnets.\(layer)", "encoder.down.\(level).block.\(layer)")
            }
            for layer in 0...layersPerBlock {
                pairs += residual("\(up).resnets.\(layer)", "decoder.up.\(level).block.\(layer)")
            }
            pairs.append(("\(down).downsamplers.0.conv", "encoder.down.\(level).downsample.conv"))
            pairs.append(("\(up).upsamplers.0.conv", "decoder.up.\(level).upsample.conv"))
        }
        return ModuleNames(pairs)
    }

    private static func residual(_ diffusers: String, _ original: String) -> [Pair] {
        [
            ("norm1", "norm1"), ("conv1", "conv1"), ("norm2", "norm2"), ("conv2", "conv2"),
            ("conv_shortcut", "nin_shortcut"),
        ].map { ("\(diffusers).\($0)", "\(original).\($1)") }
    }
}
