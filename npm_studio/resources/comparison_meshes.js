"use strict";
// What npm_studio/reports/comparison/view_data.py wrote, in its order.
async function readMeshes(manifest, base64) {
  const packed = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let at = 0;
  const numbers = (rows) => {
    const count = 3 * rows, found = new Uint16Array(count);
    for (let axis = 0; axis < 3; axis++)
      for (let row = 0; row < rows; row++) {
        const place = at + axis * rows + row;
        found[3 * row + axis] = bytes[place] | (bytes[place + count] << 8);
      }
    at += 2 * count;
    return found;
  };
  const sides = manifest.sides.map((side) => {
    const one = !Array.isArray(side.triangles);
    let faces = null, last = null;
    const frames = side.vertices.map((count, frame) => {
      if (!count) return null;
      if (!one || !faces) faces = numbers(one ? side.triangles : side.triangles[frame]);
      const nodes = numbers(count);
      if (one && last) for (let i = 0; i < nodes.length; i++) nodes[i] += last[i];
      last = nodes;
      const errors = side.errors ? bytes.subarray(at, at += count) : null;
      return { faces, nodes, errors };
    });
    return { ...side, frames };
  });
  return { sides, points: manifest.points.map(numbers) };
}

// Normals (V, 3) of the vertices, weighted by area; they need not be of unit length.
function normalsOf({ nodes, faces }) {
  const normals = new Float32Array(nodes.length);
  for (let i = 0; i < faces.length; i += 3) {
    const [a, b, c] = [3 * faces[i], 3 * faces[i + 1], 3 * faces[i + 2]];
    const [ux, uy, uz] = [nodes[b] - nodes[a], nodes[b + 1] - nodes[a + 1], nodes[b + 2] - nodes[a + 2]];
    const [vx, vy, vz] = [nodes[c] - nodes[a], nodes[c + 1] - nodes[a + 1], nodes[c + 2] - nodes[a + 2]];
    const [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const corner of [a, b, c]) {
      normals[corner] += x;
      normals[corner + 1] += y;
      normals[corner + 2] += z;
    }
  }
  return normals;
}
