"""The light on meshes: a studio that turns with the camera, as a formula of the normal alone.

It stands in for the lights of VTK in a surface's fragment shader. Shape reads the same from every side, and a software
renderer is faster with it than with four lights.
"""

from typing import Any

_STUDIO = """
  vec3 n = normalize(normalVCVSOutput);
  if (hidesFarSide * n.z < -0.05) discard;
  float key = clamp((dot(n, vec3(-0.528, 0.624, 0.576)) + 0.25) / 1.25, 0.0, 1.0);
  float fill = clamp(dot(n, vec3(0.883, 0.052, 0.467)), 0.0, 1.0);
  vec3 light = mix(vec3(0.22, 0.205, 0.21), vec3(0.43, 0.44, 0.47), 0.5 + 0.5 * n.y);
  light += key * key * vec3(0.74, 0.70, 0.64) + fill * vec3(0.13, 0.15, 0.19);
  float gloss = pow(clamp(dot(n, vec3(-0.302, 0.383, 0.873)), 0.0, 1.0), 26.0);
  float rim = pow(1.0 - clamp(n.z, 0.0, 1.0), 3.5) * (0.55 + 0.45 * n.y);
  vec3 shaded = diffuseColor * light + gloss * vec3(0.09) + rim * vec3(0.17, 0.18, 0.21);
  fragOutput0 = vec4(shaded, opacity);
"""


def light_like_a_studio(actor: Any) -> None:
    """Light the surface of ``actor`` (a `pyvista.Actor` whose data have normals) by its normals."""
    actor.GetShaderProperty().AddFragmentShaderReplacement("//VTK::Light::Impl", True, _STUDIO, False)
    hide_far_side(actor, False)


def hide_far_side(actor: Any, hide: bool) -> None:
    """Leave out what turns away from the camera: points do not hide those behind them, as a surface does."""
    actor.GetShaderProperty().GetFragmentCustomUniforms().SetUniformf("hidesFarSide", float(hide))
