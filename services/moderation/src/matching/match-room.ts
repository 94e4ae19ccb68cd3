/** Room for what is matched at a time. `take` answers how to give it back, or undefined when there is not enough. */
export const createRoom = (units: number): { readonly take: (wanted: number) => (() => void) | undefined } => {
  let left = units;
  return {
    take: (wanted) => {
      // What is larger than everything gets in alone: refusing it for ever would help nobody.
      if (wanted > left && left < units) return undefined;
      left -= wanted;
      return () => {
        left += wanted;
      };
    },
  };
};
