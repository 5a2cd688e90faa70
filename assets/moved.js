// A page that has moved: on to where its text is, and to the section that the address names.
{
  const links = [...document.querySelectorAll("a")]
  const link = links.find((a) => location.hash && a.hash === location.hash) ?? links[0]
  location.replace(link.hash ? link.href : link.href + location.hash)
}
