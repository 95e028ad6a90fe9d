// A map that shows next to nothing must say why: most facilities are drawn only from nearer by.

import type { Class } from './wire';

/** How many of the city's classes are not drawn at this zoom, where those hold most of what it has; 0 where the map shows enough. */
export function unseen(classes: Pick<Class, 'id' | 'count'>[], zoom: number, minZoom: (id: string) => number, visible: (id: string) => boolean): number {
  const wanted = classes.filter((one) => (one.count ?? 0) > 0 && visible(one.id));
  const far = wanted.filter((one) => zoom < minZoom(one.id));
  const features = (of: typeof wanted) => of.reduce((sum, one) => sum + (one.count ?? 0), 0);
  return features(far) * 2 > features(wanted) ? far.length : 0;
}
