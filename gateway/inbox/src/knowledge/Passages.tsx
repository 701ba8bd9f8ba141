export function Passages({ passages }: { passages: { title: string; content: string }[] }) {
  return (
    <ul className="passages">
      {passages.map(({ title, content }, place) => (
        <li key={place}>
          <p className="passage-title"><bdi>{title}</bdi></p>
          <p dir="auto">{content}</p>
        </li>
      ))}
    </ul>
  )
}
