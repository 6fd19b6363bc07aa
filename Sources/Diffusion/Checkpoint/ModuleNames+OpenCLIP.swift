extension ModuleNames {
    /// The text encoders of OpenCLIP, <https://github.com/mlfoundations/open_clip>, against transformers' CLIP.
    ///
    /// Attention keeps its fused `in_proj_weight` and `in_proj_bias` under the attention's name in transformers.
    static func openCLIP(layerCount: Int) -> ModuleNames {
        var pairs: [Pair] = [
            ("embeddings.token_embedding", "token_embedding"),
            ("embeddings.position_embedding.weight", "positional_embedding"),
            ("final_layer_norm", "ln_final"), ("text_projection.weight", "text_projection"),
        ]
        for layer in 0..<layerCount {
            pairs += [
                ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"),
                ("self_attn", "attn"),
            ].map { ("encoder.layers.\(layer).\($0)", "transformer.resblocks.\(layer).\($1)") }
        }
        return ModuleNames(pairs)
    }
}
